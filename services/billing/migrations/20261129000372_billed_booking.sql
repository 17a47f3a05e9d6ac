-- What is known of bookings that cost something, so that an older event changes nothing.
create table billed_booking (
    workspace_id uuid    not null,
    booking_id   uuid    not null,
    -- The version of the booking that is known.
    version      bigint  not null,
    -- What it costs without taxes on top, as far as it was billed.
    price        bigint  not null,
    currency     text    not null,
    -- Whether its charge failed for good: should it be paid later, it is confirmed all the same.
    is_declined  boolean not null default false,
    primary key (workspace_id, booking_id)
);
