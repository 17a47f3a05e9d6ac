-- What Stripe reported by webhooks, each event once, by the endpoint that it was sent to: the workspace's (its id as the
-- site), or that of a location that has keys of its own. Kept for as long as Stripe can send it again.
create table stripe_event (
    workspace_id uuid        not null,
    site_id      uuid        not null,
    event_ref    text        not null,
    kind         text        not null,
    -- What it is about: ids alone. Objects have secrets, and what is told about people.
    told         jsonb       not null,
    received_at  timestamptz not null,
    -- When it is to be applied. Null: it was, or there is nothing to apply.
    due_at       timestamptz,
    primary key (workspace_id, site_id, event_ref)
);

create index stripe_event_due on stripe_event (due_at) where due_at is not null;
create index stripe_event_old on stripe_event (received_at) where due_at is null;
