-- How a workspace bills.
create table billing_settings (
    workspace_id     uuid        not null primary key,
    currency         text        not null check (currency ~ '^[A-Z]{3}$'),
    time_zone        text        not null,
    anchor_day       smallint    not null check (anchor_day between 1 and 31),
    due_days         smallint    not null check (due_days between 0 and 90),
    auto_charge      boolean     not null,
    -- 0: nobody is paused.
    pause_after_days smallint    not null check (pause_after_days between 0 and 365),
    booking_payment  text        not null check (booking_payment in
        ('before_confirmation', 'after_confirmation', 'monthly')),
    cancellation     text        not null check (cancellation in ('keep', 'credit')),
    seller_name      text        not null,
    seller_address   text[]      not null,
    seller_tax_id    text        not null,
    seller_footer    text        not null,
    number_prefix    text        not null,
    version          bigint      not null,
    updated_at       timestamptz not null
);

-- What something costs. Amounts are in minor units of the currency, everywhere.
create table price (
    workspace_id     uuid        not null,
    id               uuid        not null,
    subject_kind     text        not null check (subject_kind in ('resource', 'plan', 'pass_product')),
    subject_id       uuid        not null,
    amount           bigint      not null check (amount >= 0),
    currency         text        not null,
    unit             text        not null check (unit in ('hour', 'booking', 'period', 'pass')),
    -- Of what is per period.
    cycle_interval   text        check (cycle_interval in ('day', 'week', 'month', 'quarter', 'year')),
    cycle_anchor     text        check (cycle_anchor in ('calendar', 'rolling')),
    tax_name         text,
    -- In ten-thousandths of a percent.
    tax_percent      integer,
    tax_is_inclusive boolean,
    version          bigint      not null,
    created_at       timestamptz not null,
    updated_at       timestamptz not null,
    primary key (workspace_id, id),
    unique (workspace_id, subject_kind, subject_id),
    check ((unit = 'period') = (cycle_interval is not null)),
    check (num_nonnulls(tax_name, tax_percent, tax_is_inclusive) in (0, 3))
);

-- The last number given, so that there are no gaps.
create table document_number (
    workspace_id uuid   not null,
    kind         text   not null check (kind in ('invoice', 'credit_note')),
    last         bigint not null,
    primary key (workspace_id, kind)
);

create table invoice (
    workspace_id    uuid        not null,
    id              uuid        not null,
    customer_id     uuid        not null,
    -- Whose account the money goes to; null: the workspace's.
    location_id     uuid,
    -- Whose day counts.
    time_zone       text        not null,
    currency        text        not null,
    stage           text        not null check (stage in ('draft', 'out', 'void', 'given_up')),
    -- Of a draft: as asked for.
    due_on          date,
    is_overdue      boolean     not null default false,
    subtotal        bigint      not null,
    tax             bigint      not null,
    total           bigint      not null check (total >= 0),
    credited        bigint      not null default 0 check (credited >= 0),
    paid            bigint      not null default 0 check (paid >= 0),
    number          bigint,
    number_text     text,
    issued_on       date,
    bill_to_name    text        not null,
    bill_to_email   text        not null,
    bill_to_address text[]      not null,
    bill_to_tax_id  text        not null,
    -- As the settings had it when it went out.
    seller_name     text        not null default '',
    seller_address  text[]      not null default '{}',
    seller_tax_id   text        not null default '',
    seller_footer   text        not null default '',
    memo            text        not null,
    -- When it is to be looked at: whether it is overdue, and for how long. Null: not before something happens.
    look_at         timestamptz,
    version         bigint      not null,
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    primary key (workspace_id, id),
    unique (workspace_id, number),
    foreign key (workspace_id, customer_id) references customer (workspace_id, id),
    check (credited + paid <= total),
    check ((stage = 'draft') = (number is null)),
    check (stage = 'draft' or num_nonnulls(number_text, issued_on, due_on) = 3)
);

create index invoice_customer on invoice (workspace_id, customer_id, id);
create index invoice_overdue on invoice (workspace_id, customer_id) where is_overdue;
create index invoice_look on invoice (look_at) where look_at is not null;

create table invoice_line (
    workspace_id     uuid     not null,
    invoice_id       uuid     not null,
    line             smallint not null,
    description      text     not null,
    -- In thousandths.
    quantity         integer  not null check (quantity > 0),
    unit_price       bigint   not null,
    coupon_code      text     not null default '',
    -- In ten-thousandths of a percent; or an amount.
    discount_percent integer,
    discount_fixed   bigint,
    discount         bigint   not null,
    amount           bigint   not null,
    tax_name         text,
    tax_percent      integer,
    tax_is_inclusive boolean,
    tax              bigint   not null,
    -- What it is for; null: what an admin wrote.
    subject_kind     text     check (subject_kind in ('booking', 'membership', 'pass')),
    subject_id       uuid,
    -- The period that it is for.
    starts_on        date,
    ends_on          date,
    primary key (workspace_id, invoice_id, line),
    foreign key (workspace_id, invoice_id) references invoice (workspace_id, id) on delete cascade,
    check (num_nonnulls(discount_percent, discount_fixed) <= 1),
    check (num_nonnulls(tax_name, tax_percent, tax_is_inclusive) in (0, 3)),
    check ((subject_kind is null) = (subject_id is null)),
    check ((starts_on is null) = (ends_on is null))
);

create index invoice_line_subject on invoice_line (workspace_id, subject_kind, subject_id)
    where subject_id is not null;

-- What an invoice that is out says stays as it is.
create function refuse_change_of_finalised() returns trigger language plpgsql as $$
begin
    if tg_table_name = 'invoice' then
        if old.stage <> 'draft' and (tg_op = 'DELETE'
            or row (new.customer_id, new.location_id, new.currency, new.subtotal, new.tax, new.total, new.number,
                    new.number_text, new.issued_on, new.bill_to_name, new.bill_to_address, new.bill_to_tax_id)
               is distinct from
               row (old.customer_id, old.location_id, old.currency, old.subtotal, old.tax, old.total, old.number,
                    old.number_text, old.issued_on, old.bill_to_name, old.bill_to_address, old.bill_to_tax_id)) then
            raise exception 'invoice % is finalised: % is refused', old.id, tg_op using errcode = 'insufficient_privilege';
        end if;
    elsif exists (select from invoice where workspace_id = old.workspace_id and id = old.invoice_id
                   and stage <> 'draft') then
        raise exception 'invoice % is finalised: % of a line is refused', old.invoice_id, tg_op
            using errcode = 'insufficient_privilege';
    end if;
    return case tg_op when 'DELETE' then old else new end;
end
$$;

create trigger invoice_finalised before update or delete on invoice
    for each row execute function refuse_change_of_finalised();
create trigger invoice_line_finalised before update or delete on invoice_line
    for each row execute function refuse_change_of_finalised();

create table credit_note (
    workspace_id uuid        not null,
    id           uuid        not null,
    invoice_id   uuid        not null,
    amount       bigint      not null check (amount > 0),
    tax          bigint      not null check (tax >= 0),
    reason       text        not null,
    number       bigint      not null,
    number_text  text        not null,
    issued_on    date        not null,
    created_at   timestamptz not null,
    primary key (workspace_id, id),
    unique (workspace_id, number),
    foreign key (workspace_id, invoice_id) references invoice (workspace_id, id)
);

create index credit_note_invoice on credit_note (workspace_id, invoice_id);

-- Money that came beside Stripe.
create table manual_payment (
    workspace_id uuid        not null,
    id           uuid        not null,
    invoice_id   uuid        not null,
    amount       bigint      not null check (amount > 0),
    method       text        not null check (method in ('cash', 'bank')),
    created_at   timestamptz not null,
    primary key (workspace_id, id),
    foreign key (workspace_id, invoice_id) references invoice (workspace_id, id)
);
