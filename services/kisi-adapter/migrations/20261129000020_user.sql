alter table kisi_user
    -- The person's address and name when the user was last found, made or told. Null: of before they were kept.
    add column email        text,
    add column display_name text,
    -- Latchkey suspended the user, or was about to.
    add column is_suspended boolean not null default false;

create index kisi_user_user on kisi_user (workspace_id, user_id);
create index kisi_assignment_user on kisi_assignment (workspace_id, user_id);
