-- A membership that costs something, as it was agreed on when it was sold.
create table subscription (
    workspace_id     uuid        not null,
    membership_id    uuid        not null,
    customer_id      uuid        not null,
    location_id      uuid        not null,
    time_zone        text        not null,
    description      text        not null,
    rate             bigint      not null check (rate >= 0),
    currency         text        not null,
    cycle_interval   text        not null check (cycle_interval in ('day', 'week', 'month', 'quarter', 'year')),
    -- Day of the month that periods are counted from; null: they roll.
    anchor_day       smallint,
    tax_name         text,
    tax_percent      integer,
    tax_is_inclusive boolean,
    starts_on        date        not null,
    -- The first day that is not billed yet.
    billed_until     date        not null,
    ends_on          date,
    is_paused        boolean     not null,
    -- Whether it is paused for what its payer owes.
    is_behind        boolean     not null default false,
    -- The version of the membership that is known.
    version          bigint      not null,
    -- When it is billed next; null: it is not.
    due_at           timestamptz,
    primary key (workspace_id, membership_id),
    foreign key (workspace_id, customer_id) references customer (workspace_id, id)
);

create index subscription_due on subscription (due_at) where due_at is not null;
create index subscription_customer on subscription (workspace_id, customer_id, location_id);

-- What is to stand on someone's next invoice.
create table invoice_item (
    workspace_id     uuid        not null,
    id               uuid        not null,
    customer_id      uuid        not null,
    location_id      uuid        not null,
    time_zone        text        not null,
    description      text        not null,
    quantity         integer     not null check (quantity > 0),
    unit_price       bigint      not null check (unit_price >= 0),
    currency         text        not null,
    tax_name         text,
    tax_percent      integer,
    tax_is_inclusive boolean,
    subject_kind     text        not null check (subject_kind in ('booking', 'pass')),
    subject_id       uuid        not null,
    due_at           timestamptz not null,
    primary key (workspace_id, id),
    unique (workspace_id, subject_kind, subject_id),
    foreign key (workspace_id, customer_id) references customer (workspace_id, id)
);

create index invoice_item_due on invoice_item (due_at);
create index invoice_item_customer on invoice_item (workspace_id, customer_id, location_id);

-- Whom invoices are addressed to, as the workspace tells it.
create table payer (
    workspace_id uuid   not null,
    customer_id  uuid   not null,
    display_name text   not null,
    email        text   not null,
    primary key (workspace_id, customer_id),
    foreign key (workspace_id, customer_id) references customer (workspace_id, id)
);
