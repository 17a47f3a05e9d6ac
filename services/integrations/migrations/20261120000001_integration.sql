create table integration (
    workspace_id         uuid        not null,
    id                   uuid        not null,
    provider             text        not null,
    -- Null: for the whole workspace.
    location_id          uuid,
    status               text        not null
        check (status in ('unchecked', 'connected', 'refused', 'disconnected')),
    status_reason        text        not null,
    account_display_name text        not null,
    status_at            timestamptz not null,
    -- The latest word on the status, be it a new one or not. What was heard before it is old.
    heard_at             timestamptz not null,
    version              bigint      not null,
    created_at           timestamptz not null,
    primary key (workspace_id, id),
    constraint integration_place unique nulls not distinct (workspace_id, provider, location_id)
);
