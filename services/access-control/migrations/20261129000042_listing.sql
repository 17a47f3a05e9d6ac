-- Which integration it is.
alter table integration add column account_id uuid;

-- What each account has by its last listing.
create table door_listing (
    workspace_id uuid        not null,
    account_id   uuid        not null,
    version      bigint      not null,
    listed_at    timestamptz not null,
    primary key (workspace_id, account_id)
);

create table listed_door (
    workspace_id uuid   not null,
    account_id   uuid   not null,
    kind         text   not null check (kind in ('group', 'lock')),
    ref          text   not null,
    name         text   not null,
    -- What of the provider's own may keep people out there.
    warnings     text[] not null,
    primary key (workspace_id, account_id, kind, ref)
);

-- The account that serves a provider's doors at a location; null: not known.
create function account_of(workspace uuid, of_provider text, location uuid) returns uuid
language sql stable as $$
    select i.account_id from integration i
    where i.workspace_id = workspace and i.provider = of_provider
      and (i.location_id = location and i.serves or i.location_id is null)
    order by i.location_id nulls last limit 1
$$;
