-- By what right an operation was asked for: what the person is entitled to, or their role.
alter table operation add column source text not null default 'app'
    check (source in ('app', 'admin', 'emergency'));
alter table operation alter column source drop default;

-- The last entry of each workspace's log: whoever adds one waits here for whoever does.
create table access_log_head (
    workspace_id uuid   not null primary key,
    sequence     bigint not null,
    hash         bytea  not null
);

-- The access log, and by what its entries are found.
create table access_log (
    workspace_id uuid        not null,
    sequence     bigint      not null,
    happened_at  timestamptz not null,
    person_id    uuid,
    location_id  uuid        not null,
    provider     text        not null,
    spot_ref     text        not null,
    outcome      text        not null,
    -- `latchkey.access.v1.AccessLogEntry` in its JSON form.
    entry        jsonb       not null,
    primary key (workspace_id, sequence)
);

create index access_log_time on access_log (workspace_id, happened_at, sequence);
create index access_log_person on access_log (workspace_id, person_id, sequence) where person_id is not null;
create index access_log_location on access_log (workspace_id, location_id, sequence);
create index access_log_spot on access_log (workspace_id, provider, spot_ref, sequence);

-- Entries are only ever added, whoever it is that has rights to more.
create function refuse_change_of_access_log() returns trigger language plpgsql as $$
begin
    raise exception 'the access log is append-only: % is refused', tg_op using errcode = 'insufficient_privilege';
end
$$;

create trigger access_log_append_only before update or delete on access_log
    for each row execute function refuse_change_of_access_log();
create trigger access_log_append_only_whole before truncate on access_log
    for each statement execute function refuse_change_of_access_log();
