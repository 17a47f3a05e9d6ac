-- A line of work: the commands of one account (an integration), or of a location whose account is
-- not known yet. Worked by one process at a time.
create table lane (
    workspace_id uuid        not null,
    id           uuid        not null,
    -- Counts the times that commands came in, so that a worker that saw none left can tell whether
    -- that still holds.
    arrivals     bigint      not null,
    is_pending   boolean     not null,
    lease_token  uuid,
    lease_until  timestamptz not null default '-infinity',
    primary key (workspace_id, id)
) with (fillfactor = 70);

-- What a process looks at for work, across tenants.
create index lane_claimable on lane (lease_until) where is_pending;

-- Which account a location's commands belong to, as last resolved.
create table route (
    workspace_id uuid not null,
    location_id  uuid not null,
    lane_id      uuid not null,
    primary key (workspace_id, location_id)
);
