-- Accounts whose credentials the provider refused last.
create table refused_account (
    workspace_id uuid        not null,
    account_id   uuid        not null,
    reason       text        not null,
    refused_at   timestamptz not null,
    primary key (workspace_id, account_id)
);
