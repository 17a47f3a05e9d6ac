-- The newest command of each grant that waits for its answer.
create table command (
    workspace_id uuid        not null,
    grant_id     uuid        not null,
    generation   bigint      not null,
    location_id  uuid        not null,
    lane_id      uuid        not null,
    due_at       timestamptz not null,
    -- The message that it came as.
    event_id     uuid        not null,
    correlation  text        not null,
    traceparent  text,
    -- latchkey.access.v1.AccessCommand, binary.
    body         bytea       not null,
    primary key (workspace_id, grant_id)
);

-- The order of work within a lane. Message ids sort by age.
create index command_urgency on command (workspace_id, lane_id, due_at, event_id);

-- The newest generation of each grant that was answered: an older command that comes late is void.
create table answered (
    workspace_id uuid        not null,
    grant_id     uuid        not null,
    generation   bigint      not null,
    answered_at  timestamptz not null,
    primary key (workspace_id, grant_id)
);

-- What the retention looks at, across tenants.
create index answered_age on answered (answered_at);
