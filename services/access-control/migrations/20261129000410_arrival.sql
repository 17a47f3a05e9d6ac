-- Of a visit: when the visitor was first seen to open a door.
alter table entitlement_source add column arrived_at timestamptz;
