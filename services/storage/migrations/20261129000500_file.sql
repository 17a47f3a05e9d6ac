-- Files: what is known of them. What is in them lies at the store, at a key made of workspace, kind and object name.
create table file (
    workspace_id    uuid        not null,
    id              uuid        not null,
    kind            text        not null,
    -- Whose it is. Null: the workspace's.
    person_id       uuid,
    -- What it belongs to, a resource name; empty: nothing in particular.
    subject         text        not null,
    file_name       text        not null,
    content_type    text        not null,
    size_bytes      bigint      not null check (size_bytes > 0),
    -- What counts towards the quota; 0 once it is over.
    used_bytes      bigint      not null check (used_bytes >= 0),
    state           text        not null check (state in ('uploading', 'checking', 'stored', 'refused', 'removed')),
    refusal         text,
    -- Random: what it is called at the store.
    object_name     text        not null,
    -- Removed once this one is stored.
    replaces_id     uuid,
    width           integer,
    height          integer,
    thumbnail_sides integer[]   not null,
    -- Whether anything may lie at the store.
    has_objects     boolean     not null,
    expires_at      timestamptz,
    missing_since   timestamptz,
    -- When the sweep looks at it.
    due_at          timestamptz not null,
    version         bigint      not null,
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    primary key (workspace_id, id),
    check ((refusal is not null) = (state = 'refused')),
    check ((width is null) = (height is null)),
    check (used_bytes = 0 or state in ('uploading', 'checking', 'stored'))
);

create unique index file_object on file (workspace_id, object_name);
create index file_of_kind on file (workspace_id, kind, id) where state = 'stored';
create index file_of_person on file (workspace_id, person_id, kind, id) where state = 'stored';
create index file_of_subject on file (workspace_id, subject, kind, id) where state = 'stored' and subject <> '';

-- What the sweep looks at, across workspaces.
create index file_due on file (due_at);

-- How much a workspace has, kept with each change of a file.
create table usage (
    workspace_id uuid   not null primary key,
    used_bytes   bigint not null check (used_bytes >= 0),
    files        bigint not null check (files >= 0)
);
