-- People may be sent another way in than their own access.
alter table message
    drop constraint message_kind_check,
    add constraint message_kind_check
        check (kind in ('confirmed', 'rescheduled', 'cancelled', 'staff_alert', 'way_in'));

-- People of a booking by what they are called, and from now on by where they are reached, too. Of all workspaces.
alter table booking no force row level security;
update booking set people = (
    select coalesce(jsonb_object_agg(key, jsonb_build_object('name', value)), '{}')
    from jsonb_each(people));
alter table booking force row level security;
