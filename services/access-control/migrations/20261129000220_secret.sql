-- Whether a link or a PIN was ever made for it: its adapter knows whether there still is one.
alter table access_grant add column has_secret boolean not null default false;
