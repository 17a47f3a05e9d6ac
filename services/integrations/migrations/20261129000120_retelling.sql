-- Whether an integration is to be told once more as it is: a migration says so, for readers that learned to make more
-- of it.
alter table integration add column is_to_be_retold boolean not null default false;
create index integration_to_be_retold on integration (workspace_id, id) where is_to_be_retold;

-- Which integration it is was nothing to readers of what was told before.
update integration set is_to_be_retold = true;
