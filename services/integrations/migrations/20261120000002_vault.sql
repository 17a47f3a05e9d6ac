-- A workspace's data key, wrapped by a master key.
create table data_key (
    workspace_id  uuid        primary key,
    -- Which master key; see the service's README.
    master_key_id text        not null,
    wrapped       bytea       not null,
    created_at    timestamptz not null
);

-- What is still to be wrapped by another master key, across tenants.
create index data_key_master on data_key (master_key_id);

-- One value of an integration, sealed under its workspace's data key.
create table credential (
    workspace_id   uuid        not null references data_key,
    integration_id uuid        not null,
    name           text        not null,
    sealed         bytea       not null,
    -- What may be shown of it.
    mask           text        not null,
    -- The id of the principal.
    saved_by       text        not null,
    saved_at       timestamptz not null,
    primary key (workspace_id, integration_id, name),
    foreign key (workspace_id, integration_id) references integration
);
