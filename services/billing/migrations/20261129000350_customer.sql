-- Who pays: a person, or a team.
create table customer (
    workspace_id uuid        not null,
    id           uuid        not null,
    person_id    uuid,
    team_id      uuid,
    created_at   timestamptz not null,
    primary key (workspace_id, id),
    check (num_nonnulls(person_id, team_id) = 1)
);

create unique index customer_person on customer (workspace_id, person_id) where person_id is not null;
create unique index customer_team on customer (workspace_id, team_id) where team_id is not null;
