-- A relay is called `BOARD/NUMBER`, and an account (an integration) lists its boards.

-- Who may open which relay, and when. Boards know nobody: their doors are opened by Latchkey's own unlock.
create table relay_right (
    workspace_id uuid        not null,
    account_id   uuid        not null,
    door         text        not null,
    person_id    uuid        not null,
    starts_at    timestamptz not null,
    ends_at      timestamptz not null check (ends_at > starts_at),
    primary key (workspace_id, account_id, door, person_id)
);

-- What a board does not know of its relays. A row lacks where there is nothing to say.
create table relay_door (
    workspace_id   uuid        not null,
    account_id     uuid        not null,
    door           text        not null,
    -- Who holds it open, as long as their row stands, and until when.
    hold_id        uuid,
    held_until     timestamptz,
    -- It opens for nobody.
    is_locked_down boolean     not null,
    primary key (workspace_id, account_id, door),
    check ((hold_id is null) = (held_until is null)),
    -- What is locked down is not held open.
    check (hold_id is null or not is_locked_down)
);
