-- What is told once more as it is, and up to which row that was done. A migration puts here what readers of events have
-- learned to make more of. Belongs to no workspace.
create table retelling (
    kind            text primary key
        check (kind in ('booking', 'contract', 'entitlement', 'membership', 'pass', 'person')),
    after_workspace uuid not null default '00000000-0000-0000-0000-000000000000',
    after_id        uuid not null default '00000000-0000-0000-0000-000000000000'
);

-- Whole locations as subjects, removed people, and checks ahead are new to readers of what was told before.
insert into retelling (kind)
select unnest(array['booking', 'contract', 'entitlement', 'membership', 'pass', 'person'])
where exists (select from workspace);
