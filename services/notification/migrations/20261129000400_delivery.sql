-- What vendors report of messages that they took.
create table message_report (
    workspace_id uuid        not null,
    message_id   uuid        not null,
    -- The vendor's id of the report: it may come twice.
    ref          text        not null,
    kind         text        not null
        check (kind in ('processed', 'deferred', 'delivered', 'opened', 'clicked', 'bounced', 'dropped',
                        'undelivered', 'complained', 'unsubscribed')),
    reported_at  timestamptz not null,
    detail       text,
    primary key (workspace_id, message_id, ref),
    foreign key (workspace_id, message_id) references message (workspace_id, id)
);

alter table message
    -- The last word of all reports, whatever their order.
    add column receipt        text
        check (receipt in ('delivered', 'opened', 'bounced', 'dropped', 'undelivered')),
    add column receipt_at     timestamptz,
    add column receipt_detail text;

-- What someone was sent, and what was sent to an address.
create index message_person on message (workspace_id, person_id, id);
create index message_recipient on message (workspace_id, lower(content ->> 'to'), id);
-- Who was sent texts, across workspaces: all are from the platform's number, to which people answer STOP.
create index message_texted on message ((content ->> 'to'), workspace_id) where channel = 'sms';

-- Addresses that get nothing more.
create table suppression (
    workspace_id uuid        not null,
    id           uuid        not null,
    channel      text        not null check (channel in ('email', 'sms')),
    -- Email addresses in lower case.
    address      text        not null,
    reason       text        not null check (reason in ('bounced', 'complained', 'unsubscribed', 'stopped')),
    since        timestamptz not null,
    detail       text,
    primary key (workspace_id, channel, address, reason),
    unique (workspace_id, id)
);
