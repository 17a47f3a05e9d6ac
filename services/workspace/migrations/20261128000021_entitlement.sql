-- Doors that admins gave people directly.
create table entitlement (
    workspace_id uuid        not null,
    id           uuid        not null,
    person_id    uuid        not null,
    location_id  uuid        not null,
    provider     text        not null,
    target_kind  text        not null check (target_kind in ('group', 'lock')),
    target_ref   text        not null,
    target_name  text        not null,
    starts_at    timestamptz not null,
    -- Null: until it is ended.
    ends_at      timestamptz check (starts_at < ends_at),
    reason       text        not null,
    ended_at     timestamptz,
    version      bigint      not null,
    created_at   timestamptz not null,
    primary key (workspace_id, id),
    foreign key (workspace_id, person_id) references person,
    foreign key (workspace_id, location_id) references location
);

create index entitlement_person on entitlement (workspace_id, person_id, id);
