-- Whether they are there for a visit alone: providers need keep no user for them.
alter table person add column is_guest boolean not null default false;
