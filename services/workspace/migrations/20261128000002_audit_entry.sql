-- The audit log. Entries of all services, as they told them, and by what they are found.
create table audit_entry (
    workspace_id uuid        not null,
    id           uuid        not null,
    happened_at  timestamptz not null,
    actor        text        not null,
    subject      text        not null,
    -- `latchkey.audit.v1.AuditEntry` in its JSON form.
    entry        jsonb       not null,
    primary key (workspace_id, id)
);

create index audit_entry_time on audit_entry (workspace_id, happened_at, id);

-- Entries are only ever added, whoever it is that has rights to more.
create function refuse_change_of_audit_entry() returns trigger language plpgsql as $$
begin
    raise exception 'the audit log is append-only: % is refused', tg_op using errcode = 'insufficient_privilege';
end
$$;

create trigger audit_entry_append_only before update or delete on audit_entry
    for each row execute function refuse_change_of_audit_entry();
create trigger audit_entry_append_only_whole before truncate on audit_entry
    for each statement execute function refuse_change_of_audit_entry();
