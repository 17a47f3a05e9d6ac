-- The certificate that the host must show, as it was seen first or accepted since, and whose it is. It counts
-- for that host alone. Null: none was seen.
alter table integration add column certificate jsonb;
-- Another one that the host has shown since.
alter table integration add column changed_certificate jsonb;
