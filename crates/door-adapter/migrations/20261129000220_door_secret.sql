-- What lets in whoever has it: a link, a PIN. Sealed; the keys are in no database.
create table door_secret (
    workspace_id uuid        not null,
    -- Of the grant or the way in that it belongs to: no two are the same.
    owner_id     uuid        not null,
    kind         text        not null check (kind in ('link', 'pin')),
    sealed       bytea       not null,
    -- Until when it opens anything.
    ends_at      timestamptz not null,
    primary key (workspace_id, owner_id)
);

-- What is over is forgotten, across tenants.
create index door_secret_over on door_secret (ends_at);
