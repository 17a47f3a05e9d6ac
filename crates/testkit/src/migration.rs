//! Schemas as they once were.

use chassis::{Definition, MigrationSet};
use sqlx::migrate::Migrator;

/// The schema of a service as it was before a migration.
pub fn before(definition: &Definition, version: i64) -> Definition {
    let [set] = definition.migrations else { panic!("one set of migrations") };
    let older = set.migrator.iter().filter(|migration| migration.version < version).cloned().collect();
    let migrator = Box::leak(Box::new(Migrator::with_migrations(older)));
    let sets = Box::leak(Box::new([MigrationSet { table: set.table, migrator, shared: set.shared }]));
    Definition { migrations: sets, ..*definition }
}
