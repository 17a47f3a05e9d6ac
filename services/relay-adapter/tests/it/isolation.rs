//! No statement of the service's, however wrong, reaches another workspace's rows; and the service starts as it comes.

use std::collections::BTreeMap;

use domain::names::IntegrationName;
use domain::{IntegrationId, PersonId, WorkspaceId};
use relay_adapter::{Config, DEFINITION};
use testkit::Harness;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_names_no_workspace_stays_within_its_own() {
    let mut harness = Harness::new().await;
    let deps = harness.deps(&DEFINITION).await;
    let workspaces = [WorkspaceId::new(), WorkspaceId::new()];
    for workspace in workspaces {
        let account = IntegrationName { workspace, id: IntegrationId::new() };
        sqlx::query(
            "insert into relay_right (workspace_id, account_id, door, person_id, starts_at, ends_at)
             values ($1, $2, 'front/1', $3, now(), now() + interval '1 hour')",
        )
        .bind(workspace.uuid())
        .bind(account.id.uuid())
        .bind(PersonId::new().uuid())
        .execute(&deps.platform)
        .await
        .unwrap();
        for statement in [
            "insert into relay_door (workspace_id, account_id, door, is_locked_down) values ($1, $2, 'a/1', true)",
            "insert into relay_list (workspace_id, account_id, board) values ($1, $2, 'front')",
            "insert into relay_pin (workspace_id, account_id, person_id, sealed) values ($1, $2, $2, 'sealed')",
        ] {
            let insert = sqlx::query(statement).bind(workspace.uuid()).bind(account.id.uuid());
            insert.execute(&deps.platform).await.unwrap();
        }
    }
    let tried = harness.assert_isolated(&DEFINITION, workspaces).await;
    assert_eq!(tried, ["relay_door", "relay_list", "relay_pin", "relay_right"]);
    harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_starts_with_the_settings_that_it_comes_with() {
    let mut harness = Harness::new().await;
    let deps = harness.deps(&DEFINITION).await;
    // But for the key, which nothing comes with.
    let key = BTreeMap::from([("LATCHKEY_SEALING__KEY".to_owned(), "07".repeat(32))]);
    let (_, config): (_, Config) = chassis::config::load(DEFINITION.config_defaults, key).unwrap();
    let service = relay_adapter::build(config, deps).await.unwrap();
    harness.run(service);
    harness.finish().await;
}
