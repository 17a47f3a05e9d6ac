-- What controllers need for deciding alone.

-- People's PINs, as long as they may open anything of the account: digits and hash, sealed. The keys are in no database.
create table relay_pin (
    workspace_id uuid  not null,
    account_id   uuid  not null,
    person_id    uuid  not null,
    sealed       bytea not null,
    primary key (workspace_id, account_id, person_id)
);

-- Which list a controller has.
create table relay_list (
    workspace_id   uuid        not null,
    account_id     uuid        not null,
    board          text        not null,
    -- What the controller calls itself. Null: it has not been asked yet.
    controller_ref text,
    -- Null: it has none.
    version        bigint,
    -- When the next one is due, by the service's clock.
    due_at         timestamptz not null default '-infinity',
    -- Counts changes of the account's rights.
    change         bigint      not null default 0,
    primary key (workspace_id, account_id, board)
);

-- Who has no right left is found by this.
create index relay_right_person on relay_right (workspace_id, account_id, person_id);
