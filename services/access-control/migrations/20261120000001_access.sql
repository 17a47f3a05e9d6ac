-- How windows are widened where a mapping does not say.
create table settings (
    workspace_id uuid    primary key,
    lead_minutes integer not null,
    lag_minutes  integer not null
);

create table door_mapping (
    workspace_id uuid        not null,
    id           uuid        not null,
    resource_id  uuid        not null,
    location_id  uuid        not null,
    provider     text        not null,
    target_kind  text        not null check (target_kind in ('group', 'lock')),
    target_ref   text        not null,
    target_name  text        not null,
    lead_minutes integer,
    lag_minutes  integer,
    created_at   timestamptz not null,
    primary key (workspace_id, id)
);

create unique index door_mapping_once on door_mapping
    (workspace_id, resource_id, location_id, provider, target_kind, target_ref);
create index door_mapping_target on door_mapping
    (workspace_id, location_id, provider, target_kind, target_ref);

-- People as the workspace service last told them.
create table person (
    workspace_id uuid    not null,
    id           uuid    not null,
    version      bigint  not null,
    display_name text    not null,
    email        text    not null,
    is_active    boolean not null,
    primary key (workspace_id, id)
);

-- Why someone may enter. Whether it counts also depends on the time, the person and the mapping.
create table entitlement (
    workspace_id   uuid        not null,
    source_kind    text        not null check (source_kind in ('booking')),
    source_id      uuid        not null,
    source_version bigint      not null,
    person_id      uuid        not null,
    resource_id    uuid        not null,
    starts_at      timestamptz not null,
    ends_at        timestamptz not null,
    stands         boolean     not null,
    primary key (workspace_id, source_kind, source_id)
);

create index entitlement_person on entitlement (workspace_id, person_id, resource_id, ends_at) where stands;
create index entitlement_resource on entitlement (workspace_id, resource_id, person_id, ends_at) where stands;
