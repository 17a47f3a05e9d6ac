-- People who hold memberships and contracts together. Who is in it is part of the row, so that whoever locks it has
-- all of the team.
create table team (
    workspace_id uuid        not null references workspace,
    id           uuid        not null,
    display_name text        not null,
    people       uuid[]      not null check (cardinality(people) <= 500),
    version      bigint      not null,
    created_at   timestamptz not null,
    primary key (workspace_id, id)
);
