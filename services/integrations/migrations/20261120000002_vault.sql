-- Says which master key this schema was sealed with, so that another one is noticed at start. One row.
create table master_key_check (
    is_only    boolean     primary key default true check (is_only),
    sealed     bytea       not null,
    created_at timestamptz not null default now()
);

-- A workspace's data key, wrapped by the master key.
create table data_key (
    workspace_id uuid        primary key,
    wrapped      bytea       not null,
    created_at   timestamptz not null
);

-- One value of an integration, sealed under its workspace's data key.
create table credential (
    workspace_id   uuid        not null references data_key,
    integration_id uuid        not null,
    name           text        not null,
    sealed         bytea       not null,
    saved_at       timestamptz not null,
    primary key (workspace_id, integration_id, name),
    foreign key (workspace_id, integration_id) references integration
);
