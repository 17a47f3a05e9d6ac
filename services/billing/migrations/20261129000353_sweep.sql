-- How far an account's events were looked through, site by site.
create table stripe_sweep (
    workspace_id uuid        not null,
    site_id      uuid        not null,
    -- What happened from then on counts.
    since        timestamptz not null,
    -- The last event that was looked at. Null: none was.
    event_ref    text,
    due_at       timestamptz not null,
    primary key (workspace_id, site_id)
);

create index stripe_sweep_due on stripe_sweep (due_at);

-- What happened to money at Stripe and has no counterpart here: a person looks at it.
create table unexplained_event (
    workspace_id uuid        not null,
    site_id      uuid        not null,
    event_ref    text        not null,
    kind         text        not null,
    object_ref   text        not null,
    found_at     timestamptz not null,
    primary key (workspace_id, site_id, event_ref)
);

insert into stripe_sweep (workspace_id, site_id, since, due_at)
select workspace_id, site_id, min(created_at), now() from stripe_customer group by workspace_id, site_id;
