-- Messages to staff: several people hear of one event, and what they hear is no version of a booking.
alter table message
    drop constraint message_kind_check,
    add constraint message_kind_check check (kind in ('confirmed', 'rescheduled', 'cancelled', 'staff_alert')),
    -- Null: it stands outside of the line of its booking's versions.
    alter column booking_version drop not null,
    drop constraint message_workspace_id_event_id_channel_key,
    -- An event that is delivered again sends nothing again.
    add unique (workspace_id, event_id, channel, person_id);

-- Bookings as they were last told, for what is to be said of them later.
create table booking (
    workspace_id uuid        not null,
    id           uuid        not null,
    version      bigint      not null,
    told_at      timestamptz not null,
    ends_at      timestamptz not null,
    -- Whether it is confirmed.
    stands       boolean     not null,
    -- What messages say of it.
    content      jsonb       not null,
    -- What its people are called, by their ids.
    people       jsonb       not null,
    primary key (workspace_id, id)
);

-- Those that are over are forgotten.
create index booking_over on booking (ends_at);

-- Who is staff, and whom news of how they were before must not make so again.
create table staff (
    workspace_id uuid   not null,
    person_id    uuid   not null,
    version      bigint not null,
    -- Null: no staff any more, or not here at the moment; nothing else is kept of them.
    role         text   check (role in ('owner', 'admin', 'manager')),
    -- Of a manager.
    locations    uuid[] not null,
    display_name text   not null,
    email        text,
    phone        text,
    primary key (workspace_id, person_id)
);

create index staff_of_workspace on staff (workspace_id) where role is not null;
