-- What each consumer has applied, written in the transaction of the effect.
create table inbox (
    consumer   text        not null,
    event_id   uuid        not null,
    applied_at timestamptz not null default now(),
    primary key (consumer, event_id)
);

create index inbox_applied on inbox (applied_at);
