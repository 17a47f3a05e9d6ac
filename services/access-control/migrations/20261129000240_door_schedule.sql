-- Doors that are unlocked by themselves. One has a schedule for each account that has the door, by whichever location it
-- was named last.
create table door_schedule (
    workspace_id         uuid    not null,
    account_id           uuid    not null,
    door_ref             text    not null,
    id                   uuid    not null,
    provider             text    not null,
    -- Whose holidays count.
    location_id          uuid    not null,
    -- Null: unlocked at no hours.
    hours                jsonb,
    time_zone            text,
    is_held_for_bookings boolean not null,
    -- It is gone once the door is locked.
    is_deleted           boolean not null,
    -- When it is decided again what the door is told; null: once something changes.
    due_at               timestamptz,
    -- Whether that is to see if a door that is held open is so.
    is_look              boolean not null,
    -- How often the door could not be told, and why; in a row.
    failures             integer not null,
    problem              text,
    primary key (workspace_id, account_id, door_ref),
    check ((hours is null) = (time_zone is null))
);

create unique index door_schedule_id on door_schedule (workspace_id, id);
create index door_schedule_door on door_schedule (workspace_id, provider, door_ref);
create index door_schedule_location on door_schedule (workspace_id, location_id);

-- What the job looks at, across tenants.
create index door_schedule_due on door_schedule (due_at) where due_at is not null;

-- Days of a location with other hours than those of the week; null: with none.
create table holiday (
    workspace_id uuid not null,
    location_id  uuid not null,
    date         date not null,
    display_name text not null,
    hours        jsonb,
    primary key (workspace_id, location_id, date)
);

alter table operation drop constraint operation_source_check;
alter table operation add constraint operation_source_check
    check (source in ('app', 'admin', 'emergency', 'schedule', 'booking'));

-- What a door was told that lasts.
create index operation_lasting on operation (workspace_id, account_id, spot_ref, begun_at)
    where spot_kind = 'door' and action in ('hold_open', 'lock') and state <> 'refused';

-- Bookings of a resource, without all of the past.
create index entitlement_booking on entitlement (workspace_id, subject_id, ends_at)
    where source_kind = 'booking' and subject_kind = 'resource';
