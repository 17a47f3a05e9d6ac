-- The version at which the person last got another name or address: what providers are to know of them.
alter table person add column contact_version bigint;
update person set contact_version = version;
alter table person alter column contact_version set not null;

-- By which of those the last command told of the person, and by which the provider knows them.
alter table access_grant
    add column told_contact  bigint not null default 0,
    add column known_contact bigint not null default 0;
update access_grant g set told_contact = p.contact_version, known_contact = p.contact_version
from person p where p.workspace_id = g.workspace_id and p.id = g.person_id;
