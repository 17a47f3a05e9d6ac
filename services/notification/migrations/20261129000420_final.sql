-- Whether nothing can bring a booking back.
alter table booking add column is_final boolean not null default false;
