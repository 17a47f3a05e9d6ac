-- Kisi's ids are numbers that no two organizations share.

-- Which Kisi user a person is, in the organization of an account (an integration).
create table kisi_user (
    workspace_id  uuid    not null,
    account_id    uuid    not null,
    person_id     uuid    not null,
    user_id       bigint  not null,
    -- Whether Latchkey made the user. One that it did not is never changed or deleted.
    is_made_by_us boolean not null,
    primary key (workspace_id, account_id, person_id)
);

-- The group that Latchkey keeps for one lock.
create table kisi_lock_group (
    workspace_id uuid   not null,
    lock_id      bigint not null,
    group_id     bigint not null,
    primary key (workspace_id, lock_id)
);

-- The role assignments that Latchkey made, and those that it may have made.
create table kisi_assignment (
    workspace_id  uuid        not null,
    person_id     uuid        not null,
    group_id      bigint      not null,
    -- As told to Kisi: in whole seconds.
    starts_at     timestamptz not null,
    ends_at       timestamptz not null,
    user_id       bigint      not null,
    -- Null: Kisi was asked for it, or is about to be, and the answer is not known.
    assignment_id bigint,
    -- Whether Latchkey made it. One that it found with the same window is never deleted.
    is_made_by_us boolean     not null,
    primary key (workspace_id, person_id, group_id, starts_at, ends_at)
);
