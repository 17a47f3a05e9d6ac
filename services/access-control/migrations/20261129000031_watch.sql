-- Since when a grant stands as it does; null if it never stood otherwise.
alter table access_grant add column changed_at timestamptz;

-- Those at one door, in pages.
create index access_grant_door on access_grant
    (workspace_id, provider, target_kind, target_ref, id);
