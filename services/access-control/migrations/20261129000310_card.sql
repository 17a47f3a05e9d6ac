-- People's cards. Numbers are kept nowhere: a card is known by the providers' ids of it.
create table card (
    workspace_id uuid        not null,
    id           uuid        not null,
    person_id    uuid        not null,
    last_digits  text        not null,
    state        text        not null check (state in ('held', 'taken', 'lost')),
    version      bigint      not null default 1,
    given_at     timestamptz not null,
    ended_at     timestamptz,
    primary key (workspace_id, id)
);

create index card_person on card (workspace_id, person_id, id);

-- Where cards are known, and what was told there.
create table card_place (
    workspace_id uuid        not null,
    card_id      uuid        not null,
    account_id   uuid        not null,
    provider     text        not null,
    -- The location whose own integration it is; null: the workspace's.
    served_by    uuid,
    card_ref     text        not null,
    -- What the provider last confirmed; null: nothing, or it is not so any more.
    told         text        check (told in ('held', 'taken', 'lost')),
    -- Why it did not, the last time.
    reason       text        not null default '',
    detail       text        not null default '',
    failures     integer     not null default 0,
    -- Counts the changes of what should be told.
    revision     bigint      not null default 0,
    -- When the provider is told, or told again; null: it has what it should.
    check_at     timestamptz,
    -- Until when somebody is about to tell it.
    busy_until   timestamptz,
    -- Whether nobody else may be given the card there.
    is_open      boolean     not null default true,
    primary key (workspace_id, card_id, account_id)
);

create unique index card_place_open on card_place (workspace_id, account_id, card_ref) where is_open;

-- What the job looks at, across tenants.
create index card_place_due on card_place (check_at) where check_at is not null;
