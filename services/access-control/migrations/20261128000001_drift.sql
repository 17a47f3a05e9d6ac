-- Where providers were found to have something else than they should.
create table drift (
    workspace_id       uuid        not null,
    id                 uuid        not null,
    account_id         uuid        not null,
    provider           text        not null,
    kind               text        not null check (kind in ('missing', 'changed', 'unwanted', 'foreign')),
    target_kind        text        not null check (target_kind in ('group', 'lock')),
    target_ref         text        not null,
    target_name        text        not null,
    -- Null: no grant is for it.
    grant_id           uuid,
    person_id          uuid,
    holder             text        not null,
    provider_ref       text        not null,
    expected_starts_at timestamptz,
    expected_ends_at   timestamptz,
    found_starts_at    timestamptz,
    found_ends_at      timestamptz,
    -- The comparisons that saw it first and last: those of an account count up.
    first_turn         bigint      not null,
    last_turn          bigint      not null,
    first_seen_at      timestamptz not null,
    last_seen_at       timestamptz not null,
    -- Since when it is not there any more, and after which comparison.
    ended_at           timestamptz,
    ended_turn         bigint,
    primary key (workspace_id, id),
    constraint drift_once unique nulls not distinct
        (workspace_id, account_id, kind, provider_ref, grant_id)
);

create index drift_of_account on drift (workspace_id, account_id, last_turn);
create index drift_of_grant on drift (workspace_id, grant_id) where ended_at is null;
create index drift_ended on drift (workspace_id, account_id, ended_at) where ended_at is not null;

-- How each account was last compared.
create table reconciliation (
    workspace_id   uuid    not null,
    account_id     uuid    not null,
    provider       text    not null,
    -- Of the last whole one; 0: none.
    turn           bigint  not null,
    began_at       timestamptz,
    ended_at       timestamptz,
    rights         integer not null,
    missing        integer not null,
    changed        integer not null,
    unwanted       integer not null,
    foreigners     integer not null,
    -- Of the last one that failed; 0: none.
    failed_turn    bigint  not null,
    failed_at      timestamptz,
    failure_reason text    not null,
    primary key (workspace_id, account_id)
);
