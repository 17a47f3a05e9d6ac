-- How far the log of each connected account was read, and who reads on. When it is due, and leases, are by the database's
-- clock; what was read, by the service's.
create table provider_log (
    workspace_id uuid        not null,
    account_id   uuid        not null,
    -- Whose credentials lead to it: a location's id, or the workspace's.
    site_id      uuid        not null,
    -- All that happened before was read.
    read_until   timestamptz not null,
    -- When it was last looked for what turned up late.
    swept_at     timestamptz not null,
    -- 'infinity': the account is not connected.
    due_at       timestamptz not null default now(),
    lease_token  uuid,
    lease_until  timestamptz not null default '-infinity',
    primary key (workspace_id, account_id)
);

-- What a process looks at for work, across tenants.
create index provider_log_due on provider_log (due_at);

-- Events that were told, as long as they may be read again.
create table told_event (
    workspace_id uuid        not null,
    account_id   uuid        not null,
    event_ref    text        not null,
    happened_at  timestamptz not null,
    told_at      timestamptz not null,
    primary key (workspace_id, account_id, event_ref)
);

-- What is forgotten.
create index told_event_age on told_event (workspace_id, account_id, told_at);
