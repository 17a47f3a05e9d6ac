-- How many days entries are kept; null: as many as the service says. The last entry that was taken away, with its hash:
-- the first one that is kept follows it. When the first one's time is over; null: there is none.
alter table access_log_head
    add column retention_days  integer,
    add column anchor_sequence bigint not null default 0,
    add column anchor_hash     bytea  not null default decode(repeat('00', 32), 'hex'),
    add column prune_at        timestamptz;

-- What the job looks at, across tenants.
create index access_log_head_due on access_log_head (prune_at) where prune_at is not null;

update access_log_head set prune_at = now() where sequence > 0;

-- Entries are only ever added, and taken away in order once their time is over: what is left begins behind the anchor.
create or replace function refuse_change_of_access_log() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then
        perform from access_log_head h where h.workspace_id = old.workspace_id and old.sequence <= h.anchor_sequence;
        if found then
            return old;
        end if;
    end if;
    raise exception 'the access log is append-only: % is refused', tg_op using errcode = 'insufficient_privilege';
end
$$;
