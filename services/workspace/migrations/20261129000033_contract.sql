-- That a person, or the people of a team, have desks and offices.
create table contract (
    workspace_id uuid        not null,
    id           uuid        not null,
    person_id    uuid,
    team_id      uuid,
    resources    uuid[]      not null check (cardinality(resources) between 1 and 50),
    starts_at    timestamptz not null,
    -- Null: until it is ended.
    ends_at      timestamptz check (starts_at < ends_at),
    -- When it was ended at once.
    ended_at     timestamptz,
    version      bigint      not null,
    created_at   timestamptz not null,
    updated_at   timestamptz not null,
    primary key (workspace_id, id),
    foreign key (workspace_id, person_id) references person,
    foreign key (workspace_id, team_id) references team,
    check (num_nonnulls(person_id, team_id) = 1)
);

create index contract_person on contract (workspace_id, person_id, id);
create index contract_team on contract (workspace_id, team_id, id);
