-- Whose credentials a command goes by: those of a location, or the workspace's own. The id of a site is the
-- location's, or the workspace's.
alter table route rename column location_id to site_id;
alter table command rename column location_id to site_id;
