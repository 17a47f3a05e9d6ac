-- What memberships are sold of. Rows stay: one that is disabled is not sold any more.
create table plan (
    workspace_id     uuid        not null,
    id               uuid        not null,
    display_name     text        not null,
    -- The terms, which memberships copy.
    location_id      uuid        not null,
    shared_locations uuid[]      not null,
    -- Null: at all hours.
    weekly_hours     jsonb,
    grace_days       integer     not null check (grace_days between 0 and 90),
    disabled_at      timestamptz,
    version          bigint      not null,
    created_at       timestamptz not null,
    primary key (workspace_id, id),
    foreign key (workspace_id, location_id) references location
);
