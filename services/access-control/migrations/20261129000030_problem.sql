-- Why a provider does not have what is wanted, as a code of the contracts; `last_error` has it in words. Rows that
-- fail already get theirs with the next answer.
alter table access_grant add column problem text;
