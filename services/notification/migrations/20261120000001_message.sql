-- The ledger: one row for each message to one person. A row that lives (queued, sending, unknown) has a
-- time at which it must be looked at again.
create table message (
    workspace_id    uuid        not null,
    id              uuid        not null,
    event_id        uuid        not null,
    channel         text        not null check (channel in ('email', 'sms')),
    kind            text        not null check (kind in ('confirmed', 'rescheduled', 'cancelled')),
    booking_id      uuid        not null,
    booking_version bigint      not null,
    person_id       uuid        not null,
    -- What to say and to whom. The only place of this service with personal data.
    content         jsonb       not null,
    state           text        not null
        check (state in ('queued', 'sending', 'unknown', 'sent', 'failed', 'expired')),
    attempts        integer     not null,
    -- queued: the next attempt. sending: the end of the lease. unknown: when to stop waiting for news.
    due_at          timestamptz,
    expires_at      timestamptz not null,
    -- Start of the first attempt whose outcome is not known; the present one counts.
    in_doubt_since  timestamptz,
    vendor_ref      text,
    last_error      text,
    traceparent     text,
    created_at      timestamptz not null,
    sent_at         timestamptz,
    primary key (workspace_id, id),
    -- An event that is delivered again sends nothing again.
    unique (workspace_id, event_id, channel),
    check ((due_at is not null) = (state in ('queued', 'sending', 'unknown')))
);

-- Versions of one booking, to tell which message is the newest.
create index message_booking on message (workspace_id, booking_id, channel, booking_version);

-- Texts by the vendor's id, to tell which of them are ours already.
create index message_sms_ref on message (workspace_id, vendor_ref) where channel = 'sms';

-- What the senders look at, across tenants.
create index message_due on message (channel, due_at) where due_at is not null;
