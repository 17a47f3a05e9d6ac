-- What the provider has by the last answers: the window of each grant that has one.
create table held (
    workspace_id uuid        not null,
    grant_id     uuid        not null,
    -- Of the command that brought it about.
    generation   bigint      not null,
    account_id   uuid        not null,
    target_kind  text        not null check (target_kind in ('group', 'lock')),
    target_ref   text        not null,
    target_name  text        not null,
    starts_at    timestamptz not null,
    ends_at      timestamptz not null,
    provider_ref text        not null,
    -- By the database's clock, as are the beginnings of reconciliations.
    recorded_at  timestamptz not null default now(),
    primary key (workspace_id, grant_id)
);

create index held_account on held (workspace_id, account_id);

-- The doors and groups at which an account ever had something of ours: where a reconciliation looks.
create table used_target (
    workspace_id uuid not null,
    account_id   uuid not null,
    kind         text not null check (kind in ('group', 'lock')),
    ref          text not null,
    name         text not null,
    primary key (workspace_id, account_id, kind, ref)
);

-- When each account is compared with what it should have. By the database's clock.
create table reconciliation (
    workspace_id uuid        not null,
    account_id   uuid        not null,
    due_at       timestamptz not null,
    lease_token  uuid,
    lease_until  timestamptz not null default '-infinity',
    primary key (workspace_id, account_id)
);

-- What a process looks at for work, across tenants.
create index reconciliation_due on reconciliation (due_at);

insert into reconciliation (workspace_id, account_id, due_at)
select distinct workspace_id, lane_id, now() from route;
