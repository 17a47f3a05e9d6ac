create table workspace (
    workspace_id   uuid        primary key,
    display_name   text        not null,
    reply_to_email text,
    created_at     timestamptz not null
);

create table location (
    workspace_id uuid        not null references workspace,
    id           uuid        not null,
    display_name text        not null,
    time_zone    text        not null,
    country      text        not null,
    address      text        not null,
    created_at   timestamptz not null,
    primary key (workspace_id, id)
);

create table resource (
    workspace_id uuid        not null,
    id           uuid        not null,
    location_id  uuid        not null,
    display_name text        not null,
    created_at   timestamptz not null,
    primary key (workspace_id, id),
    foreign key (workspace_id, location_id) references location
);
