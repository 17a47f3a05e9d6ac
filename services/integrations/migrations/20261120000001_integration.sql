create table integration (
    workspace_id          uuid        not null,
    id                    uuid        not null,
    provider              text        not null,
    -- Null: for the whole workspace.
    location_id           uuid,
    status                text        not null check (status in ('not_connected', 'connected', 'failing')),
    status_at             timestamptz not null,
    -- What is wrong, value by value.
    problems              jsonb       not null,
    -- What the values in force led to when they were taken. Null: they were not yet.
    account               jsonb,
    -- The account that mappings were made for.
    confirmed_account_ref text,
    -- The latest word on the status, be it a new one or not. What was heard before it is old.
    heard_at              timestamptz not null,
    version               bigint      not null,
    -- Checks in a row that did not go well.
    failures              integer     not null,
    -- When the provider is to be asked again. Null: there is nothing to ask.
    check_at              timestamptz,
    created_at            timestamptz not null,
    primary key (workspace_id, id),
    constraint integration_place unique nulls not distinct (workspace_id, provider, location_id)
);

-- What the checker looks at, across tenants.
create index integration_due on integration (check_at) where check_at is not null;

-- Which of the provider's places a location is.
create table place_assignment (
    workspace_id   uuid        not null,
    integration_id uuid        not null,
    location_id    uuid        not null,
    place_ref      text        not null,
    assigned_at    timestamptz not null,
    primary key (workspace_id, integration_id, location_id),
    foreign key (workspace_id, integration_id) references integration
);
