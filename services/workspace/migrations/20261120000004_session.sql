-- Someone who signed in. Of no one workspace: a person may be in several, and change between them.
create table session (
    id             uuid        primary key,
    email          text        not null,
    issuer         text        not null,
    subject        text        not null,
    -- Where the session is at now.
    workspace_id   uuid        not null references workspace,
    client_id      text        not null,
    redirect_uri   text        not null,
    code_challenge text        not null,
    nonce          text        not null,
    -- SHA-256 of the secret that is taken next: the code's at first, then the newest refresh token's.
    secret_hash    bytea       not null,
    -- Of the one before: whoever still has it has a copy.
    previous_hash  bytea,
    state          text        not null check (state in ('opened', 'in_use', 'ended')),
    opened_at      timestamptz not null,
    expires_at     timestamptz not null
);

-- What the removal of old ones looks at.
create index session_expiry on session (expires_at);

-- Who someone with that address is, in all workspaces.
create index person_sign_in on person (email_key) where status <> 'removed';
