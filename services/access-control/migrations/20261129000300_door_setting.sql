-- What admins call a door, and for how long it opens for a moment, in place of what its provider says.
create table door_setting (
    workspace_id uuid not null,
    account_id   uuid not null,
    door_ref     text not null,
    -- Null: what the provider calls it.
    display_name text,
    -- Null: as long as is usual there.
    pulse_ms     bigint,
    primary key (workspace_id, account_id, door_ref)
);
