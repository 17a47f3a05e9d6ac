-- Commands are about grants, or about the users that providers take people for. `grant_id` is the id of either; no
-- two are the same.
alter table command add column kind text not null default 'grant' check (kind in ('grant', 'user'));
alter table command alter column kind drop default;
