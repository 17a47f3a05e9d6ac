-- What was last told of the doors that an account has, and when; by the database's clock.
alter table reconciliation
    add column listing_digest  bytea,
    add column listing_told_at timestamptz;
