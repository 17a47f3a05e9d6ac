-- What people can have passes of, and the passes that they have.
create table pass_product (
    workspace_id  uuid        not null,
    id            uuid        not null,
    location_id   uuid        not null,
    display_name  text        not null,
    description   text        not null,
    -- For how many days a day pass can be used. Null: a time pass.
    uses          integer     check (uses > 0),
    validity_days integer     not null check (validity_days > 0),
    -- At which hours of the week. Null: at all.
    weekly_hours  jsonb,
    is_disabled   boolean     not null,
    version       bigint      not null,
    created_at    timestamptz not null,
    updated_at    timestamptz not null,
    primary key (workspace_id, id),
    foreign key (workspace_id, location_id) references location
);

create table pass (
    workspace_id  uuid        not null,
    id            uuid        not null,
    product_id    uuid        not null,
    person_id     uuid        not null,
    location_id   uuid        not null,
    -- The product's terms when it was issued.
    uses          integer     check (uses > 0),
    validity_days integer     not null check (validity_days > 0),
    weekly_hours  jsonb,
    starts_at     timestamptz not null,
    ends_at       timestamptz not null check (starts_at < ends_at),
    -- Local days, in order. Part of the row, so that whoever locks it knows how many are left.
    used_days     date[]      not null check (cardinality(used_days) <= coalesce(uses, 0)),
    cancelled_at  timestamptz,
    cancel_reason text        not null,
    version       bigint      not null,
    created_at    timestamptz not null,
    updated_at    timestamptz not null,
    primary key (workspace_id, id),
    foreign key (workspace_id, product_id) references pass_product,
    foreign key (workspace_id, person_id) references person,
    foreign key (workspace_id, location_id) references location
);

create index pass_person on pass (workspace_id, person_id, id);
create index pass_of_product on pass (workspace_id, product_id, id);
create index pass_location on pass (workspace_id, location_id, id);
