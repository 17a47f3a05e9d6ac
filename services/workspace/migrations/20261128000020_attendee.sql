-- Who is invited to a booking, in the order of their invitations. Part of the row, so that whoever locks it has
-- all of the booking.
alter table booking add column attendees uuid[] not null default '{}' check (cardinality(attendees) <= 200);
