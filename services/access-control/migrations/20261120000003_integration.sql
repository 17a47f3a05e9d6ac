-- Integrations as the integrations service last told them. It has one for each place.
create table integration (
    workspace_id uuid    not null,
    provider     text    not null,
    -- Null: for the whole workspace.
    location_id  uuid,
    version      bigint  not null,
    is_active    boolean not null,
    constraint integration_place unique nulls not distinct (workspace_id, provider, location_id)
);

-- Whether mappings to a provider's doors at a location are followed. The location's own integration decides,
-- also when it is disconnected: with the workspace's values the same ids may be other doors. Else the
-- workspace's does. What nobody has told of yet is followed, and fails with a reason.
create function mapping_is_active(workspace uuid, of_provider text, location uuid) returns boolean
language sql stable as $$
    select coalesce(
        (select i.is_active from integration i
         where i.workspace_id = workspace and i.provider = of_provider and i.location_id = location),
        (select i.is_active from integration i
         where i.workspace_id = workspace and i.provider = of_provider and i.location_id is null),
        true)
$$;
