-- Whether the visitor has a PIN that we gave it, and that is kept sealed.
alter table unifi_visitor add column has_pin boolean not null default false;
