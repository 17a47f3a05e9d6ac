-- People who come and are no members.
create table visit (
    workspace_id uuid        not null,
    id           uuid        not null,
    -- Whom they come to.
    host_id      uuid        not null,
    -- Whose guest they are; null: of no booking.
    booking_id   uuid,
    location_id  uuid        not null,
    resource_id  uuid,
    display_name text        not null,
    email        text,
    phone        text,
    starts_at    timestamptz not null,
    ends_at      timestamptz not null check (starts_at < ends_at),
    state        text        not null check (state in ('pending', 'expected', 'cancelled')),
    version      bigint      not null,
    created_at   timestamptz not null,
    updated_at   timestamptz not null,
    primary key (workspace_id, id),
    foreign key (workspace_id, host_id) references person,
    foreign key (workspace_id, booking_id) references booking,
    foreign key (workspace_id, location_id) references location,
    foreign key (workspace_id, resource_id) references resource
);

create index visit_host on visit (workspace_id, host_id, id);
create index visit_booking on visit (workspace_id, booking_id, id) where booking_id is not null;
create index visit_location on visit (workspace_id, location_id, id);
-- How many are ahead.
create index visit_ahead on visit (workspace_id, ends_at) where state <> 'cancelled';
