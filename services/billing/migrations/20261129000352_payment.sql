-- Money that someone is to pay for an invoice, charged once, in as many attempts as it takes.
create table payment (
    workspace_id uuid        not null,
    id           uuid        not null,
    customer_id  uuid        not null,
    invoice_id   uuid        not null,
    -- Where money is asked for; once there is an intent, where that is.
    site_id      uuid        not null,
    -- In minor units.
    amount       bigint      not null check (amount > 0),
    currency     text        not null check (currency ~ '^[A-Z]{3}$'),
    -- Its life, as billing-core has it, and where it stands.
    life         jsonb       not null,
    state        text        not null check (state in ('planned', 'ready', 'confirming', 'in_doubt', 'waiting', 'pending',
        'closing', 'succeeded', 'closed')),
    intent_ref   text,
    -- Why the last attempt was declined, by Stripe's word, or why it can't be made.
    failure_code text        not null default '',
    -- Whether the intent is to be read, for something may have happened to it.
    must_read    boolean     not null default false,
    -- When there is something to do. Null: not before something is heard.
    due_at       timestamptz,
    -- Failures to reach Stripe since it was reached last.
    misses       integer     not null default 0,
    version      bigint      not null,
    created_at   timestamptz not null,
    updated_at   timestamptz not null,
    primary key (workspace_id, id),
    foreign key (workspace_id, customer_id) references customer
);

-- What is owed is charged by one payment at a time.
create unique index payment_live on payment (workspace_id, invoice_id) where state not in ('succeeded', 'closed');
create index payment_of_invoice on payment (workspace_id, invoice_id, id);
create index payment_of_customer on payment (workspace_id, customer_id, id);
create unique index payment_intent on payment (workspace_id, site_id, intent_ref) where intent_ref is not null;
create index payment_due on payment (due_at) where due_at is not null;

-- A try to take the money. Written before it is made; repeated with the same method and key until it is known what
-- became of it.
create table charge_attempt (
    workspace_id uuid        not null,
    payment_id   uuid        not null,
    attempt      integer     not null,
    -- Null: there was none to charge.
    method_id    uuid,
    method_ref   text,
    is_debit     boolean     not null,
    begun_at     timestamptz not null,
    -- Null: nobody knows yet.
    outcome      text        check (outcome in ('unconfirmed', 'declined', 'awaits_person', 'processing', 'succeeded',
        'cancelled')),
    failure_code text        not null default '',
    ended_at     timestamptz,
    primary key (workspace_id, payment_id, attempt),
    foreign key (workspace_id, payment_id) references payment
);
