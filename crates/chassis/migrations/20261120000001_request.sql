-- Answers by idempotency key, written in the transaction of the change: the same key and body get the
-- same answer, another body is refused.
create table request (
    workspace_id uuid        not null,
    principal    text        not null,
    method       text        not null,
    request_id   text        not null,
    fingerprint  bytea       not null,
    response     bytea,
    created_at   timestamptz not null default now(),
    primary key (workspace_id, principal, method, request_id)
);

create index request_created on request (created_at);
