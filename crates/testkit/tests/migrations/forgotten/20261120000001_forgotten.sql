-- Has no workspace, and nobody says that it shall have none.
create table forgotten (
    words text not null
);
