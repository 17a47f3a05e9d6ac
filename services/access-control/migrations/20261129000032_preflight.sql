-- What is checked ahead of its begin, and when it comes up next.
create table preflight (
    workspace_id uuid        not null,
    source_kind  text        not null,
    source_id    uuid        not null,
    starts_at    timestamptz not null,
    ends_at      timestamptz not null,
    due_at       timestamptz not null,
    primary key (workspace_id, source_kind, source_id)
);

-- What the job looks at, across tenants.
create index preflight_due on preflight (due_at);

-- The last check of each stage, with what it found as the contract's `PreflightFinding`s.
create table preflight_check (
    workspace_id uuid        not null,
    id           uuid        not null,
    source_kind  text        not null,
    source_id    uuid        not null,
    stage        text        not null check (stage in ('day', 'hour', 'minutes')),
    starts_at    timestamptz not null,
    checked_at   timestamptz not null,
    is_in_order  boolean     not null,
    findings     jsonb       not null,
    primary key (workspace_id, id)
);

create unique index preflight_check_once on preflight_check (workspace_id, source_kind, source_id, stage);
create index preflight_check_failed on preflight_check (workspace_id, id) where not is_in_order;
