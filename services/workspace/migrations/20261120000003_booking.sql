create extension if not exists btree_gist;

create table booking (
    workspace_id      uuid        not null,
    id                uuid        not null,
    resource_id       uuid        not null,
    person_id         uuid        not null,
    starts_at         timestamptz not null,
    ends_at           timestamptz not null,
    title             text        not null,
    state             text        not null
        check (state in ('pending', 'confirmed', 'completed', 'failed', 'cancelled')),
    state_reason      text        not null,
    external_ref      text,
    external_sequence bigint,
    version           bigint      not null,
    created_at        timestamptz not null,
    updated_at        timestamptz not null,
    primary key (workspace_id, id),
    foreign key (workspace_id, resource_id) references resource,
    foreign key (workspace_id, person_id) references person,
    check (starts_at < ends_at),
    -- No two live bookings of a resource overlap, whoever writes them.
    constraint booking_overlap exclude using gist (
        workspace_id with =, resource_id with =, tstzrange(starts_at, ends_at) with &&
    ) where (state in ('pending', 'confirmed', 'completed'))
);

create unique index booking_external_ref on booking (workspace_id, external_ref);
create index booking_person on booking (workspace_id, person_id, id);
create index booking_resource on booking (workspace_id, resource_id, id);

-- What the completion job looks at, across tenants.
create index booking_due on booking (ends_at) where state = 'confirmed';
