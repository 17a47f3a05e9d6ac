create table api_key (
    workspace_id uuid        not null references workspace,
    id           uuid        not null,
    display_name text        not null,
    -- SHA-256 of the key's text.
    hash         bytea       not null,
    role         text        not null check (role in ('admin', 'manager', 'member', 'guest')),
    -- Where a manager is one.
    locations    uuid[]      not null check (role = 'manager' or locations = '{}'),
    -- Which methods it is for; none: all that its role may call.
    methods      text[]      not null,
    -- The id of the principal that made it.
    creator      text        not null,
    created_at   timestamptz not null,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz,
    primary key (workspace_id, id)
);

-- Whose a key is that was shown: its text does not say the workspace.
create unique index api_key_id on api_key (id);
