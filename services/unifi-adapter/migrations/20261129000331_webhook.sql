-- By which of a console's webhooks it reports to us, and what it signs with.
create table unifi_webhook (
    workspace_id uuid        not null,
    account_id   uuid        not null,
    -- Where it reports to.
    endpoint     text        not null,
    -- Null: the console is too old for webhooks, or its token must not make any.
    webhook_id   text,
    -- The secret, sealed.
    sealed       bytea,
    -- When it was last looked for.
    looked_at    timestamptz not null,
    primary key (workspace_id, account_id),
    check ((webhook_id is null) = (sealed is null))
);
