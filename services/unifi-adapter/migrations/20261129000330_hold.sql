-- Doors that are held open until a moment within a minute: consoles count in whole minutes.
create table unifi_hold (
    workspace_id uuid        not null,
    account_id   uuid        not null,
    door_ref     text        not null,
    operation_id uuid        not null,
    -- By when the console ends it by itself, at most a minute after it should be over.
    held_until   timestamptz not null,
    -- When it should be over; later, once that was tried.
    due_at       timestamptz not null,
    primary key (workspace_id, account_id, door_ref)
);

-- What a process looks at for work, across tenants.
create index unifi_hold_due on unifi_hold (due_at);
