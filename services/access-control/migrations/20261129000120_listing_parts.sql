-- Listings may come in parts: doors are kept as they come, with their listing's version, and the listing is in force
-- once all of its parts are there.
alter table listed_door add column version bigint;
update listed_door d set version = l.version
from door_listing l where l.workspace_id = d.workspace_id and l.account_id = d.account_id;
alter table listed_door
    alter column version set not null,
    drop constraint listed_door_pkey,
    add primary key (workspace_id, account_id, version, kind, ref);

-- Which parts are there of a listing that is not in force yet.
create table listing_part (
    workspace_id uuid    not null,
    account_id   uuid    not null,
    version      bigint  not null,
    part         integer not null,
    primary key (workspace_id, account_id, version, part)
);
