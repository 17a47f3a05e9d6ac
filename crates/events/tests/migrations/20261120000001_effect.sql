-- What the tests' consumer has applied.
create table effect (
    event_id uuid not null,
    what     text not null
);
