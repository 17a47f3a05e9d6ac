-- Whose visitors were, for the console's log: it names them also when they are gone.
create table unifi_known_visitor (
    workspace_id uuid        not null,
    account_id   uuid        not null,
    visitor_id   text        not null,
    person_id    uuid        not null,
    ends_at      timestamptz not null,
    primary key (workspace_id, account_id, visitor_id)
);

-- What is forgotten.
create index unifi_known_visitor_age on unifi_known_visitor (workspace_id, account_id, ends_at);

insert into unifi_known_visitor (workspace_id, account_id, visitor_id, person_id, ends_at)
select workspace_id, account_id, visitor_id, person_id, ends_at from unifi_visitor where visitor_id is not null
on conflict do nothing;
