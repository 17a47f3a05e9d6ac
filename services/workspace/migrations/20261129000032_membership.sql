-- That a person, or the people of a team, have a plan.
create table membership (
    workspace_id     uuid        not null,
    id               uuid        not null,
    plan_id          uuid        not null,
    person_id        uuid,
    team_id          uuid,
    -- The plan's terms when it was sold.
    location_id      uuid        not null,
    shared_locations uuid[]      not null,
    weekly_hours     jsonb,
    grace_days       integer     not null,
    starts_at        timestamptz not null,
    -- First moment after what is paid for.
    period_ends_at   timestamptz not null check (starts_at < period_ends_at),
    is_paused        boolean     not null,
    -- Whether it ends with the paid period.
    is_ending        boolean     not null,
    ended_at         timestamptz,
    version          bigint      not null,
    created_at       timestamptz not null,
    updated_at       timestamptz not null,
    primary key (workspace_id, id),
    foreign key (workspace_id, plan_id) references plan,
    foreign key (workspace_id, person_id) references person,
    foreign key (workspace_id, team_id) references team,
    foreign key (workspace_id, location_id) references location,
    check (num_nonnulls(person_id, team_id) = 1)
);

create index membership_person on membership (workspace_id, person_id, id);
create index membership_team on membership (workspace_id, team_id, id);

-- What the job that ends them looks at, across tenants.
create index membership_due on membership (period_ends_at) where is_ending and ended_at is null;
