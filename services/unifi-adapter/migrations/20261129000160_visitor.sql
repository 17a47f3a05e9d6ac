-- The visitors that Latchkey made at a console for its grants, and those that it may have made.
create table unifi_visitor (
    workspace_id uuid        not null,
    -- The console's integration.
    account_id   uuid        not null,
    grant_id     uuid        not null,
    person_id    uuid        not null,
    target_kind  text        not null check (target_kind in ('door', 'door_group')),
    target_ref   text        not null,
    ends_at      timestamptz not null,
    -- Null: the console was asked for it, or is about to be, and the answer is not known.
    visitor_id   text,
    primary key (workspace_id, account_id, grant_id)
);
-- Whether someone has access.
create index unifi_visitor_person on unifi_visitor (workspace_id, account_id, person_id);
