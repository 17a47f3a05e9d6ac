-- Hosts are told that their visitors are there.
alter table message
    drop constraint message_kind_check,
    add constraint message_kind_check check (kind in ('confirmed', 'rescheduled', 'cancelled', 'staff_alert', 'way_in',
        'access_ready', 'visitor_arrived'));
