-- Whether people have another way in sent when their own access is not confirmed in time.
alter table location_settings add column sends_way_in boolean not null default false;

-- Other ways in, from the check that found them needed until they are over and withdrawn.
create table way_in (
    workspace_id     uuid        not null,
    id               uuid        not null,
    -- Whose person, door and integration it is for.
    grant_id         uuid        not null,
    source_kind      text        not null,
    source_id        uuid        not null,
    -- When the source begins: the window begins shortly before.
    source_starts_at timestamptz not null,
    starts_at        timestamptz not null,
    ends_at          timestamptz not null,
    generation       bigint      not null default 0,
    in_flight_until  timestamptz,
    is_told          boolean     not null default false,
    state            text        not null default 'nothing' check (state in ('nothing', 'ready', 'unknown')),
    failures         integer     not null default 0,
    retry_at         timestamptz,
    -- Why the last command failed.
    reason           text        not null default '',
    next_check_at    timestamptz not null,
    primary key (workspace_id, id),
    unique (workspace_id, grant_id, source_kind, source_id, starts_at, ends_at)
);

-- What the scheduler looks at, across tenants.
create index way_in_due on way_in (next_check_at);
