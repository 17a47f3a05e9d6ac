//! Who is staff.

use std::collections::HashMap;

use domain::{LocationId, PersonId, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::model::{Staff, StaffRole};

/// Keeps how people are, each by their newest version.
pub(crate) async fn keep(conn: &mut PgConnection, told: Vec<&Staff>) -> Result<(), sqlx::Error> {
    let mut newest: HashMap<(WorkspaceId, PersonId), &Staff> = HashMap::with_capacity(told.len());
    for staff in told {
        let kept = newest.entry((staff.workspace, staff.person)).or_insert(staff);
        if kept.version < staff.version {
            *kept = staff;
        }
    }
    let mut newest: Vec<&Staff> = newest.into_values().collect();
    // In one order, or two writers could wait for each other.
    newest.sort_by_key(|staff| (staff.workspace, staff.person));
    let locations = |staff: &&Staff| {
        let ids: Vec<String> = staff.locations.iter().map(LocationId::to_string).collect();
        format!("{{{}}}", ids.join(","))
    };
    sqlx::query(
        "insert into staff (workspace_id, person_id, version, role, locations, display_name, email, phone)
         select workspace_id, person_id, version, role, locations::uuid[], display_name, email, phone
         from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[],
           $8::text[])
           as n (workspace_id, person_id, version, role, locations, display_name, email, phone)
         on conflict (workspace_id, person_id) do update
           set version = excluded.version, role = excluded.role, locations = excluded.locations,
             display_name = excluded.display_name, email = excluded.email, phone = excluded.phone
           where staff.version < excluded.version",
    )
    .bind(newest.iter().map(|staff| staff.workspace.uuid()).collect::<Vec<_>>())
    .bind(newest.iter().map(|staff| staff.person.uuid()).collect::<Vec<_>>())
    .bind(newest.iter().map(|staff| staff.version).collect::<Vec<_>>())
    .bind(newest.iter().map(|staff| staff.role).collect::<Vec<_>>())
    .bind(newest.iter().map(locations).collect::<Vec<_>>())
    .bind(newest.iter().map(|staff| staff.display_name.as_str()).collect::<Vec<_>>())
    .bind(newest.iter().map(|staff| staff.email.as_deref()).collect::<Vec<_>>())
    .bind(newest.iter().map(|staff| staff.phone.as_deref()).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct StaffRow {
    person_id: Uuid,
    version: i64,
    role: Option<StaffRole>,
    locations: Vec<Uuid>,
    display_name: String,
    email: Option<String>,
    phone: Option<String>,
}

/// Who is to be told of what concerns these locations: owners and admins, and who manages one of them.
pub(crate) async fn concerned(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    locations: &[LocationId],
) -> Result<Vec<Staff>, sqlx::Error> {
    let rows: Vec<StaffRow> = sqlx::query_as(
        "select person_id, version, role, locations, display_name, email, phone from staff
         where workspace_id = $1 and role is not null and (role <> 'manager' or locations && $2)
         order by person_id",
    )
    .bind(workspace.uuid())
    .bind(locations.iter().map(|location| location.uuid()).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    let staff = |row: StaffRow| Staff {
        workspace,
        person: PersonId::from_uuid(row.person_id),
        version: row.version,
        role: row.role,
        locations: row.locations.into_iter().map(LocationId::from_uuid).collect(),
        display_name: row.display_name,
        email: row.email,
        phone: row.phone,
    };
    Ok(rows.into_iter().map(staff).collect())
}
