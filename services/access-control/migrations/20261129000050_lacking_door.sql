-- Which doors providers lack, for the health of mappings.
create index access_grant_lacks_door on access_grant (workspace_id, provider, target_kind, target_ref)
    where problem = 'ACCESS_REASON_PROVIDER_LACKS_DOOR';
