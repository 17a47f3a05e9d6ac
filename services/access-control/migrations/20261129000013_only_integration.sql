-- Where the workspace has none, a location's mappings wait for its own integration, also before it was ever active.
create or replace function mapping_is_active(workspace uuid, of_provider text, location uuid) returns boolean
language sql stable as $$
    select coalesce(
        (select i.is_active from integration i
         where i.workspace_id = workspace and i.provider = of_provider and i.location_id = location and i.serves),
        (select i.is_active from integration i
         where i.workspace_id = workspace and i.provider = of_provider and i.location_id is null),
        (select i.is_active from integration i
         where i.workspace_id = workspace and i.provider = of_provider and i.location_id = location),
        true)
$$;
