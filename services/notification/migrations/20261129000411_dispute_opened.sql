-- Owners and admins are told of disputes: the booking's id is then the dispute's.
alter table message
    drop constraint message_kind_check,
    add constraint message_kind_check
        check (kind in ('confirmed', 'rescheduled', 'cancelled', 'staff_alert', 'way_in', 'access_ready',
            'visitor_arrived', 'dispute_opened'));
