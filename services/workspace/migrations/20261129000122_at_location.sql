-- Where memberships hold and where contracts' resources are, to be found by location. Neither changes.
create table membership_location (
    workspace_id  uuid not null,
    location_id   uuid not null,
    membership_id uuid not null,
    primary key (workspace_id, location_id, membership_id),
    foreign key (workspace_id, membership_id) references membership
);
insert into membership_location
select distinct workspace_id, unnest(array_append(shared_locations, location_id)), id from membership;

create table contract_location (
    workspace_id uuid not null,
    location_id  uuid not null,
    contract_id  uuid not null,
    primary key (workspace_id, location_id, contract_id),
    foreign key (workspace_id, contract_id) references contract
);
insert into contract_location
select distinct c.workspace_id, r.location_id, c.id from contract c
join resource r on r.workspace_id = c.workspace_id and r.id = any(c.resources);
