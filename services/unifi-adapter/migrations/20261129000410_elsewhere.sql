-- What another integration of the workspace has at the same console.
create index unifi_visitor_grant on unifi_visitor (workspace_id, grant_id);
create index unifi_user_id on unifi_user (workspace_id, user_id);
