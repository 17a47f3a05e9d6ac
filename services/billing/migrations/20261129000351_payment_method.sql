-- Until when somebody makes calls about a customer at Stripe, which takes one at a time. Null: nobody does.
alter table customer add column busy_until timestamptz;

-- What a customer is at Stripe, account by account: at the workspace's own (its id as the site), or at that of a
-- location that has a key of its own.
create table stripe_customer (
    workspace_id uuid        not null,
    customer_id  uuid        not null,
    site_id      uuid        not null,
    customer_ref text        not null,
    created_at   timestamptz not null,
    primary key (workspace_id, customer_id, site_id),
    foreign key (workspace_id, customer_id) references customer
);

-- Cards and bank accounts that people have saved at Stripe, and those that they are about to. Numbers are never here.
create table payment_method (
    workspace_id   uuid        not null,
    id             uuid        not null,
    customer_id    uuid        not null,
    site_id        uuid        not null,
    kind           text        not null check (kind in ('card', 'us_bank_account')),
    state          text        not null check (state in
        ('entering', 'awaits_person', 'awaits_deposits', 'processing', 'saved', 'cancelled', 'removed')),
    -- The SetupIntent by which it is saved.
    setup_ref      text        not null,
    -- Where the amounts of small deposits are asked for. Empty: on the operator's own page.
    deposits_page  text        not null default '',
    -- Once it is saved: Stripe's id, and what Stripe shows of it.
    method_ref     text,
    brand          text        not null default '',
    last4          text        not null default '',
    -- The last day on which a card is good.
    expires_on     date,
    -- Why its bank takes no debits of it any more.
    blocked_reason text        not null default '',
    -- Whether it is the one that is charged.
    is_default     boolean     not null default false,
    -- When it is to be told that it expires. Null: never, or it was.
    expiry_due_at  timestamptz,
    version        bigint      not null,
    created_at     timestamptz not null,
    updated_at     timestamptz not null,
    primary key (workspace_id, id),
    foreign key (workspace_id, customer_id, site_id) references stripe_customer,
    check ((state in ('saved', 'removed')) = (method_ref is not null)),
    check (not is_default or state = 'saved')
);

create index payment_method_of_customer on payment_method (workspace_id, customer_id, id);
create unique index payment_method_default on payment_method (workspace_id, customer_id, site_id) where is_default;
create unique index payment_method_ref on payment_method (workspace_id, site_id, method_ref) where method_ref is not null;
create unique index payment_method_setup on payment_method (workspace_id, site_id, setup_ref);
create index payment_method_expiry on payment_method (expiry_due_at) where expiry_due_at is not null;

-- How a workspace is paid. Without a row: as the columns' defaults say.
create table payment_settings (
    workspace_id uuid        not null primary key,
    -- Whether people may pay by debits of US bank accounts.
    takes_debits boolean     not null default false,
    updated_at   timestamptz not null
);
