-- The books: what one fact did to money. Rows are only ever added.
create table ledger_entry (
    workspace_id uuid        not null,
    id           uuid        not null,
    -- What happened, and the row that it happened to: it is booked once.
    kind         text        not null,
    cause_id     uuid        not null,
    currency     text        not null check (currency ~ '^[A-Z]{3}$'),
    booked_at    timestamptz not null,
    primary key (workspace_id, id),
    unique (workspace_id, kind, cause_id),
    -- So that postings are of their entry's currency.
    unique (workspace_id, id, currency)
);

-- An amount into an account, below zero: out of it. In minor units of the currency.
create table ledger_posting (
    workspace_id uuid     not null,
    entry_id     uuid     not null,
    line         smallint not null,
    account      text     not null check (account in
        ('receivable', 'credit', 'stripe', 'cash', 'bank', 'disputed', 'revenue', 'tax', 'bad_debt')),
    -- The invoice of what is receivable, the customer of a credit.
    owner_id     uuid,
    currency     text     not null,
    amount       bigint   not null check (amount <> 0),
    primary key (workspace_id, entry_id, line),
    foreign key (workspace_id, entry_id, currency) references ledger_entry (workspace_id, id, currency),
    check ((owner_id is not null) = (account in ('receivable', 'credit')))
);

-- What is in the accounts that decisions depend on, so that nobody adds up history for one. The accounts of the
-- workspace itself have none: all payments would wait for each other at their rows.
create table ledger_balance (
    workspace_id uuid   not null,
    account      text   not null,
    owner_id     uuid   not null,
    currency     text   not null,
    amount       bigint not null,
    primary key (workspace_id, account, owner_id, currency)
);

-- When a workspace's books are to be proven again, and what came of the last time.
create table ledger_proof (
    workspace_id uuid        not null primary key,
    due_at       timestamptz not null,
    proven_at    timestamptz,
    -- Faults found then.
    faults       integer     not null default 0
);

create index ledger_proof_due on ledger_proof (due_at);

create function refuse_change_of_ledger() returns trigger language plpgsql as $$
begin
    raise exception 'the books are append-only: % is refused', tg_op using errcode = 'insufficient_privilege';
end
$$;

create trigger ledger_entry_append_only before update or delete on ledger_entry
    for each row execute function refuse_change_of_ledger();
create trigger ledger_entry_append_only_whole before truncate on ledger_entry
    for each statement execute function refuse_change_of_ledger();
create trigger ledger_posting_append_only before update or delete on ledger_posting
    for each row execute function refuse_change_of_ledger();
create trigger ledger_posting_append_only_whole before truncate on ledger_posting
    for each statement execute function refuse_change_of_ledger();

-- Balances follow from postings, and from nothing else.
create function add_to_ledger_balance() returns trigger language plpgsql as $$
begin
    insert into ledger_balance as balance (workspace_id, account, owner_id, currency, amount)
    values (new.workspace_id, new.account, new.owner_id, new.currency, new.amount)
    on conflict (workspace_id, account, owner_id, currency) do update set amount = balance.amount + excluded.amount;
    return null;
end
$$;

create trigger ledger_posting_balance after insert on ledger_posting
    for each row when (new.owner_id is not null) execute function add_to_ledger_balance();

create function refuse_balance_by_hand() returns trigger language plpgsql as $$
begin
    if pg_trigger_depth() < 2 then
        raise exception 'balances follow from postings: % is refused', tg_op using errcode = 'insufficient_privilege';
    end if;
    return case tg_op when 'DELETE' then old else new end;
end
$$;

create trigger ledger_balance_by_postings before insert or update or delete on ledger_balance
    for each row execute function refuse_balance_by_hand();
create trigger ledger_balance_whole before truncate on ledger_balance
    for each statement execute function refuse_change_of_ledger();

-- At the end of a transaction each entry that it added to adds up.
create function refuse_unbalanced_entry() returns trigger language plpgsql as $$
declare
    entry uuid := case tg_table_name when 'ledger_entry' then (to_jsonb(new) ->> 'id')::uuid
                                     else (to_jsonb(new) ->> 'entry_id')::uuid end;
    postings bigint;
    total numeric;
begin
    select count(*), coalesce(sum(amount), 0) into postings, total
      from ledger_posting where workspace_id = new.workspace_id and entry_id = entry;
    if postings < 2 or total <> 0 then
        raise exception 'entry % of % postings is off by %', entry, postings, total using errcode = 'check_violation';
    end if;
    return null;
end
$$;

create constraint trigger ledger_entry_balanced after insert on ledger_entry
    deferrable initially deferred for each row execute function refuse_unbalanced_entry();
create constraint trigger ledger_posting_balanced after insert on ledger_posting
    deferrable initially deferred for each row execute function refuse_unbalanced_entry();
