-- Money of a payment that is given back once.
create table refund (
    workspace_id   uuid        not null,
    id             uuid        not null,
    payment_id     uuid        not null,
    customer_id    uuid        not null,
    invoice_id     uuid        not null,
    -- In minor units.
    amount         bigint      not null check (amount > 0),
    currency       text        not null check (currency ~ '^[A-Z]{3}$'),
    reason         text        not null,
    -- False: somebody made it at Stripe itself.
    is_ours        boolean     not null,
    -- Its life, as billing-core has it, and where it stands.
    life           jsonb       not null,
    state          text        not null check (state in ('asking', 'refused', 'looking', 'pending', 'succeeded',
        'failed')),
    refund_ref     text,
    -- Why there is none, or why it came back, by Stripe's word.
    failure_code   text        not null default '',
    -- What came off the invoice with it. Null: nothing did.
    credit_note_id uuid,
    -- When there is something to do. Null: not before something is heard.
    due_at         timestamptz,
    -- Failures to reach Stripe since it was reached last.
    misses         integer     not null default 0,
    version        bigint      not null,
    created_at     timestamptz not null,
    updated_at     timestamptz not null,
    primary key (workspace_id, id),
    foreign key (workspace_id, payment_id) references payment (workspace_id, id),
    foreign key (workspace_id, customer_id) references customer (workspace_id, id),
    foreign key (workspace_id, credit_note_id) references credit_note (workspace_id, id)
);

create index refund_of_payment on refund (workspace_id, payment_id, id);
create unique index refund_ref on refund (workspace_id, payment_id, refund_ref) where refund_ref is not null;
create index refund_due on refund (due_at) where due_at is not null;
-- Credit that may be needed for them.
create index refund_asked on refund (workspace_id, customer_id) where state in ('asking', 'refused', 'looking');

-- A bank takes money of a payment back, for a while or for good.
create table dispute (
    workspace_id uuid        not null,
    id           uuid        not null,
    payment_id   uuid        not null,
    invoice_id   uuid        not null,
    dispute_ref  text        not null,
    amount       bigint      not null check (amount >= 0),
    currency     text        not null check (currency ~ '^[A-Z]{3}$'),
    -- By Stripe's word.
    reason       text        not null,
    -- How the books have it.
    standing     text        not null check (standing in ('asked', 'open', 'won', 'lost')),
    version      bigint      not null,
    opened_at    timestamptz not null,
    updated_at   timestamptz not null,
    primary key (workspace_id, id),
    unique (workspace_id, payment_id, dispute_ref),
    foreign key (workspace_id, payment_id) references payment (workspace_id, id)
);

alter table payment
    -- When its refunds and disputes are to be read at Stripe. Null: not before something is heard.
    add column survey_due_at timestamptz;

create index payment_survey_due on payment (survey_due_at) where survey_due_at is not null;

alter table invoice
    -- What was given back of payments for it.
    add column refunded bigint not null default 0 check (refunded >= 0),
    -- How the dispute of a payment for it stands that was heard of last. Null: none was disputed.
    add column dispute  text   check (dispute in ('asked', 'open', 'won', 'lost'));

alter table billing_settings
    -- What becomes of a booking when all that was paid for it is given back.
    add column full_refund   text       not null default 'cancel' check (full_refund in ('cancel', 'keep')),
    -- How many days after each decline a charge is tried again.
    add column retry_days    smallint[] not null default '{1,3,5,7}',
    -- For how many days a payer is waited for.
    add column patience_days smallint   not null default 14;
