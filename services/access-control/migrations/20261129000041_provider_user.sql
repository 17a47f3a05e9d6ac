-- What becomes of providers' users whose people have no access any more. Without a row they are kept.
create table no_access_policy (
    workspace_id     uuid    not null,
    provider         text    not null,
    retirement       text    not null check (retirement in ('suspend', 'delete')),
    grace_minutes    integer not null check (grace_minutes >= 0),
    includes_foreign boolean not null,
    primary key (workspace_id, provider)
);

-- The users that providers take people for, where there is a policy: one for each integration that serves grants of
-- theirs. `served_by` is the location whose own it is; null: the workspace's.
create table provider_user (
    workspace_id    uuid        not null,
    id              uuid        not null,
    person_id       uuid        not null,
    provider        text        not null,
    served_by       uuid,
    -- Since when the person is entitled to nothing there; null: they are.
    idle_since      timestamptz,
    generation      bigint      not null default 0,
    in_flight_until timestamptz,
    told            text        check (told in ('suspend', 'delete')),
    state           text        not null default 'in_use'
        check (state in ('in_use', 'suspended', 'deleted', 'kept', 'unknown')),
    failures        integer     not null default 0,
    retry_at        timestamptz,
    -- Why it is kept, or why the last command failed.
    reason          text        not null default '',
    next_check_at   timestamptz,
    primary key (workspace_id, id)
);

create unique index provider_user_once on provider_user (workspace_id, provider, person_id, served_by)
    nulls not distinct;

-- What the scheduler looks at, across tenants.
create index provider_user_due on provider_user (next_check_at) where next_check_at is not null;

alter table person add column is_removed boolean not null default false;
