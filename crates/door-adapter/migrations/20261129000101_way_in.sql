-- Commands are about other ways in, too.
alter table command drop constraint command_kind_check,
    add constraint command_kind_check check (kind in ('grant', 'user', 'way_in'));
