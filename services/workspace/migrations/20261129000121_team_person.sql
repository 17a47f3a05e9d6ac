-- Which teams people are in: what `team.people` says, to be found by person.
create table team_person (
    workspace_id uuid not null,
    person_id    uuid not null,
    team_id      uuid not null,
    primary key (workspace_id, person_id, team_id),
    foreign key (workspace_id, team_id) references team
);
insert into team_person select distinct workspace_id, unnest(people), id from team;
create index team_person_team on team_person (workspace_id, team_id);
