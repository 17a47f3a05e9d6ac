-- Sources of entitlement, each at the newest version that was heard: also those that give nothing any more,
-- for an older version of them may still come.
create table entitlement_source (
    workspace_id uuid   not null,
    kind         text   not null,
    id           uuid   not null,
    version      bigint not null,
    primary key (workspace_id, kind, id)
);

insert into entitlement_source select workspace_id, source_kind, source_id, source_version from entitlement;

-- What the sources give now: a person may enter by what a resource is mapped to, or by one door or group that
-- is named directly, from `starts_at` until just before `ends_at`.
delete from entitlement where not stands;
drop index entitlement_person;
drop index entitlement_resource;
alter table entitlement drop constraint entitlement_pkey;
alter table entitlement drop constraint entitlement_source_kind_check;
alter table entitlement
    add column id          uuid not null default gen_random_uuid(),
    add column location_id uuid,
    add column provider    text,
    add column target_kind text check (target_kind in ('group', 'lock')),
    add column target_ref  text,
    add column target_name text,
    alter column resource_id drop not null,
    drop column source_version,
    drop column stands,
    add primary key (workspace_id, id),
    add check ((resource_id is null) = (location_id is not null)),
    add check (num_nulls(location_id, provider, target_kind, target_ref, target_name) in (0, 5));
alter table entitlement alter column id drop default;

create index entitlement_source_id on entitlement (workspace_id, source_kind, source_id);
create index entitlement_person on entitlement (workspace_id, person_id, resource_id, ends_at);
create index entitlement_resource on entitlement (workspace_id, resource_id, person_id, ends_at)
    where resource_id is not null;
create index entitlement_target on entitlement
    (workspace_id, location_id, provider, target_kind, target_ref, person_id, ends_at)
    where location_id is not null;
