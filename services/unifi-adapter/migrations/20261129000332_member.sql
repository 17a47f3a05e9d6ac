-- The users that Latchkey made at a console for people, and those that it may have made.
create table unifi_user (
    workspace_id uuid not null,
    account_id   uuid not null,
    person_id    uuid not null,
    -- Null: the console was asked for it, or is about to be, and the answer is not known.
    user_id      text,
    -- The PIN that we gave, sealed.
    pin          bytea,
    primary key (workspace_id, account_id, person_id)
);

-- Grants without an end: their people have them as users, by a policy.
create table unifi_standing (
    workspace_id uuid        not null,
    account_id   uuid        not null,
    grant_id     uuid        not null,
    person_id    uuid        not null,
    target_kind  text        not null check (target_kind in ('door', 'door_group')),
    target_ref   text        not null,
    starts_at    timestamptz not null,
    ends_at      timestamptz not null,
    -- Whether the person's PIN is kept for this grant, too.
    has_pin      boolean     not null,
    primary key (workspace_id, account_id, grant_id)
);

-- What someone has.
create index unifi_standing_person on unifi_standing (workspace_id, account_id, person_id);
