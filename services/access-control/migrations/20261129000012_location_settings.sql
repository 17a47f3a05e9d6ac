-- What a location says in place of its workspace. Null: it says nothing of it.
create table location_settings (
    workspace_id uuid    not null,
    location_id  uuid    not null,
    lead_minutes integer,
    lag_minutes  integer,
    primary key (workspace_id, location_id)
);
