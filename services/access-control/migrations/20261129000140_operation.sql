-- Doors as their accounts had them when they were last asked; abilities and state are the contract's messages.
create table door_roster (
    workspace_id uuid        not null,
    account_id   uuid        not null,
    asked_at     timestamptz not null,
    primary key (workspace_id, account_id)
);

create table account_door (
    workspace_id uuid  not null,
    account_id   uuid  not null,
    ref          text  not null,
    name         text  not null,
    -- What can be locked down as a whole; null: there is no such thing.
    place_ref    text,
    abilities    jsonb not null,
    state        jsonb not null,
    primary key (workspace_id, account_id, ref)
);

-- Which doors groups opened when that was last asked.
create table group_roster (
    workspace_id uuid        not null,
    account_id   uuid        not null,
    group_ref    text        not null,
    door_refs    text[]      not null,
    asked_at     timestamptz not null,
    primary key (workspace_id, account_id, group_ref)
);

create index group_roster_doors on group_roster using gin (door_refs);

-- Emergencies: nobody opens a door there until it is lifted.
create table lockdown (
    workspace_id uuid        not null,
    id           uuid        not null,
    -- Null: the whole workspace.
    location_id  uuid,
    begun_at     timestamptz not null,
    lifted_at    timestamptz,
    -- Who wanted it so last: the principal; the person if it is one.
    caller       text        not null,
    person_id    uuid,
    -- When doors are told again; null: all of them said that it is so.
    check_at     timestamptz,
    primary key (workspace_id, id)
);

create unique index lockdown_standing on lockdown (workspace_id, location_id) nulls not distinct
    where lifted_at is null;

-- What the job looks at, across tenants.
create index lockdown_due on lockdown (check_at) where check_at is not null;

-- What doors were told on demand, or were not.
create table operation (
    workspace_id uuid        not null,
    id           uuid        not null,
    -- The principal; the person if it is one.
    caller       text        not null,
    person_id    uuid,
    request_id   text,
    lockdown_id  uuid,
    action       text        not null
        check (action in ('pulse', 'hold_open', 'lock', 'lock_down', 'lift_lockdown')),
    pulse_ms     bigint,
    hold_until   timestamptz,
    location_id  uuid        not null,
    provider     text        not null,
    -- Null: no account was known.
    account_id   uuid,
    -- The location whose own integration it is; null: the workspace's.
    served_by    uuid,
    spot_kind    text        not null check (spot_kind in ('door', 'place')),
    spot_ref     text        not null,
    spot_name    text        not null,
    state        text        not null check (state in ('under_way', 'done', 'refused', 'failed', 'unknown')),
    reason       text        not null,
    reason_time  timestamptz,
    detail       text        not null,
    held_until   timestamptz,
    begun_at     timestamptz not null,
    ended_at     timestamptz,
    -- When it is looked up what became of it; null: that is known, or will not be.
    check_at     timestamptz,
    primary key (workspace_id, id)
);

create unique index operation_request on operation (workspace_id, caller, request_id)
    where request_id is not null;
create index operation_spot on operation (workspace_id, provider, spot_ref, begun_at);
create index operation_lockdown on operation (workspace_id, lockdown_id) where lockdown_id is not null;

-- What the job looks at, across tenants.
create index operation_due on operation (check_at) where check_at is not null;
