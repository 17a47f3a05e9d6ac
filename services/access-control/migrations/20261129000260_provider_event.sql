-- What providers' own logs say is in the access log, too. Which location a door is at is not always known.
alter table access_log alter column location_id drop not null;

-- The provider's id of the event that an operation has left in the provider's own log.
alter table operation add column trace_ref text;
