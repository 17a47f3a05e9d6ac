-- A location's own integration serves it from the time at which its mappings were first followed; until then, and
-- where there is none, the workspace's does.
alter table integration add column serves boolean not null default true;
alter table integration alter column serves drop default;

create or replace function mapping_is_active(workspace uuid, of_provider text, location uuid) returns boolean
language sql stable as $$
    select coalesce(
        (select i.is_active from integration i
         where i.workspace_id = workspace and i.provider = of_provider and i.location_id = location and i.serves),
        (select i.is_active from integration i
         where i.workspace_id = workspace and i.provider = of_provider and i.location_id is null),
        true)
$$;

-- By which location's own integration it is served; null: by the workspace's.
create function served_by(workspace uuid, of_provider text, location uuid) returns uuid
language sql stable as $$
    select i.location_id from integration i
    where i.workspace_id = workspace and i.provider = of_provider and i.location_id = location and i.serves
$$;

-- A grant is one for each person, door and integration: what two locations lead to by one integration is one door.
-- `served_by` is the location whose own integration it is; null: the workspace's. `location_id` is where it was
-- first led to.
alter table access_grant add column served_by uuid;
update access_grant g set served_by = g.location_id
from integration i
where i.workspace_id = g.workspace_id and i.provider = g.provider and i.location_id = g.location_id;

-- Until now there was one for each location. Of those that are one now the first stays; they overwrote each other, so
-- nobody knows what the provider has.
with same as (
    select workspace_id, id, row_number() over (partition by key order by id) as number, count(*) over (partition by key)
    from (
        select workspace_id, id, (workspace_id, provider, target_kind, target_ref, person_id, served_by) as key
        from access_grant
    ) as keyed
), gone as (
    delete from access_grant g using same
    where g.workspace_id = same.workspace_id and g.id = same.id and same.number > 1
)
update access_grant g set observed = 'unknown', observed_starts_at = null, observed_ends_at = null,
    in_flight_until = null, next_check_at = now()
from same
where g.workspace_id = same.workspace_id and g.id = same.id and same.number = 1 and same.count > 1;

drop index access_grant_once;
create unique index access_grant_once on access_grant
    (workspace_id, provider, target_kind, target_ref, person_id, served_by) nulls not distinct;
drop index door_mapping_target;
create index door_mapping_target on door_mapping (workspace_id, provider, target_kind, target_ref, location_id);
create index door_mapping_location on door_mapping (workspace_id, location_id, provider);
drop index entitlement_target;
create index entitlement_target on entitlement
    (workspace_id, provider, target_kind, target_ref, person_id, ends_at) where location_id is not null;
create index entitlement_location on entitlement (workspace_id, location_id, provider, ends_at)
    where location_id is not null;
