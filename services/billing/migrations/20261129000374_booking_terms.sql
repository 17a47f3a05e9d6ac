-- What a booking was agreed on at, and how far it is: prices that change later do not reach it.
alter table billed_booking
    add column state            text    not null default 'pending'
        check (state in ('pending', 'confirmed', 'failed', 'cancelled')),
    -- For one unit; null: it costs nothing.
    add column rate             bigint,
    add column unit             text    check (unit in ('hour', 'booking')),
    add column tax_name         text,
    add column tax_percent      integer,
    add column tax_is_inclusive boolean,
    add check ((rate is null) = (unit is null)),
    add check (num_nonnulls(tax_name, tax_percent, tax_is_inclusive) in (0, 3));
