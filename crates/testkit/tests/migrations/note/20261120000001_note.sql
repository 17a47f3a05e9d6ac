create table note (
    workspace_id uuid not null,
    id           uuid not null default gen_random_uuid(),
    words        text not null,
    shout        text generated always as (upper(words)) stored,
    primary key (workspace_id, id)
);

create table motto (
    words text not null
);
