-- Which of the things on an invoice a credit note is for, so that none is credited twice.
alter table credit_note
    add column subject_kind text check (subject_kind in ('booking', 'membership', 'pass')),
    add column subject_id   uuid,
    add check ((subject_kind is null) = (subject_id is null));

-- Passes that were taken back: what is heard of them later is billed no more.
create table cancelled_pass (
    workspace_id uuid not null,
    pass_id      uuid not null,
    primary key (workspace_id, pass_id)
);
