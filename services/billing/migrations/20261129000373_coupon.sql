-- Codes that make lines of invoices cheaper.
create table coupon (
    workspace_id     uuid        not null,
    id               uuid        not null,
    code             text        not null check (code ~ '^[A-Z0-9]{2,20}$'),
    -- In ten-thousandths of a percent; or an amount in minor units.
    discount_percent integer     check (discount_percent > 0),
    discount_fixed   bigint      check (discount_fixed > 0),
    currency         text        not null,
    disabled_at      timestamptz,
    created_at       timestamptz not null,
    primary key (workspace_id, id),
    unique (workspace_id, code),
    check (num_nonnulls(discount_percent, discount_fixed) = 1)
);
