-- Doors are mapped to subjects, of which a resource is one kind.
alter table door_mapping rename column resource_id to subject_id;
alter table door_mapping add column subject_kind text not null default 'resource'
    check (subject_kind in ('resource', 'pass_product', 'plan', 'location'));
alter table door_mapping alter column subject_kind drop default;
drop index door_mapping_once;
create unique index door_mapping_once on door_mapping
    (workspace_id, subject_kind, subject_id, location_id, provider, target_kind, target_ref);

-- People are entitled to what doors are mapped to, or to one door or group that is named directly: then the columns
-- from `location_id` on say which.
alter table entitlement rename column resource_id to subject_id;
alter table entitlement
    add column subject_kind text check (subject_kind in ('resource', 'pass_product', 'plan', 'location')),
    -- The hours of the week at which it holds, by the clocks of which zone. Null: at all.
    add column hours        jsonb,
    add column time_zone    text,
    add check ((hours is null) = (time_zone is null));
update entitlement set subject_kind = 'resource' where subject_id is not null;
alter table entitlement add check ((subject_kind is null) = (subject_id is null));

drop index entitlement_person;
drop index entitlement_resource;
create index entitlement_person on entitlement (workspace_id, person_id, subject_kind, subject_id, ends_at);
create index entitlement_subject on entitlement (workspace_id, subject_kind, subject_id, person_id, ends_at)
    where subject_id is not null;
