-- What is known of a group's assignments, and who keeps it. Across tenants: two of them may be connected to
-- one organization.
create index kisi_assignment_group on kisi_assignment (group_id);
create index kisi_lock_group_group on kisi_lock_group (group_id);
