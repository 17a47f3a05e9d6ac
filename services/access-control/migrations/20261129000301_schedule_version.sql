-- Grows with each change that people make: the version of what is told of it.
alter table door_schedule add column version bigint not null default 0;

-- Grows with each change of a location's holidays.
create table holiday_list (
    workspace_id uuid   not null,
    location_id  uuid   not null,
    version      bigint not null,
    primary key (workspace_id, location_id)
);
