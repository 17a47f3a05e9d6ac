-- The ledger: for (person, door or group), what is wanted and what the provider is known to have.
create table access_grant (
    workspace_id       uuid        not null,
    id                 uuid        not null,
    person_id          uuid        not null,
    location_id        uuid        not null,
    provider           text        not null,
    target_kind        text        not null check (target_kind in ('group', 'lock')),
    target_ref         text        not null,
    target_name        text        not null,
    generation         bigint      not null default 0,
    in_flight_until    timestamptz,
    desired_starts_at  timestamptz,
    desired_ends_at    timestamptz,
    told_starts_at     timestamptz,
    told_ends_at       timestamptz,
    observed           text        not null default 'nothing'
        check (observed in ('nothing', 'holds', 'unknown')),
    observed_starts_at timestamptz,
    observed_ends_at   timestamptz,
    failures           integer     not null default 0,
    retry_at           timestamptz,
    last_error         text        not null default '',
    next_check_at      timestamptz,
    primary key (workspace_id, id),
    check ((observed = 'holds') = (observed_starts_at is not null))
);

create unique index access_grant_once on access_grant
    (workspace_id, location_id, provider, target_kind, target_ref, person_id);
create index access_grant_person on access_grant (workspace_id, person_id, id);

-- What the scheduler looks at, across tenants.
create index access_grant_due on access_grant (next_check_at) where next_check_at is not null;
