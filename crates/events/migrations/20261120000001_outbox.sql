-- Facts and commands, written in the transaction that made them true, published from here.
-- A queue across tenants: its key and indexes are the id and the time, not the workspace.
create table outbox (
    id           uuid        primary key,
    workspace_id uuid        not null,
    subject      text        not null,
    headers      jsonb       not null,
    payload      bytea       not null,
    created_at   timestamptz not null default now(),
    published_at timestamptz
);

create index outbox_unpublished on outbox (id) where published_at is null;
create index outbox_published on outbox (published_at) where published_at is not null;

create function notify_outbox() returns trigger language plpgsql as $$
begin
    perform pg_notify('outbox_' || tg_table_schema, '');
    return null;
end
$$;

create trigger outbox_notify after insert on outbox
    for each statement execute function notify_outbox();
