create table person (
    workspace_id uuid        not null references workspace,
    id           uuid        not null,
    display_name text        not null,
    email        text,
    -- Without regard to case. A column: under row-level security no index answers for an expression.
    email_key    text        generated always as (lower(email)) stored,
    phone        text,
    country      text,
    role         text        not null check (role in ('owner', 'admin', 'manager', 'member', 'guest')),
    -- Where a manager is one.
    locations    uuid[]      not null check (role = 'manager' or locations = '{}'),
    status       text        not null check (status in ('active', 'paused', 'removed')),
    version      bigint      not null,
    created_at   timestamptz not null,
    primary key (workspace_id, id),
    check (email is not null or phone is not null)
);

create unique index person_email on person (workspace_id, email_key) where status <> 'removed';

-- A workspace has one owner.
create unique index person_owner on person (workspace_id) where role = 'owner';
