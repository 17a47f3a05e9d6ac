//! The service starts with its master key, and with no other.

use testkit::Harness;

use crate::adapter::GOOD_KEY;
use crate::world::{World, config};

/// What building the service says, with the master key of `folder`.
pub(crate) async fn build(harness: &mut Harness, folder: &std::path::Path) -> Result<(), String> {
    let config = config(folder, "https://127.0.0.1:1");
    let deps = harness.deps(&integrations::DEFINITION).await;
    integrations::build(config, deps).await.map(|_| ()).map_err(|error| format!("{error:#}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_master_key_is_refused_at_start_and_harms_nothing() {
    let mut world = World::new().await;
    world.connect("", GOOD_KEY).await.unwrap();
    let other = tempfile::tempdir().unwrap();
    let problem = build(&mut world.harness, other.path()).await.unwrap_err();
    assert!(problem.contains("is not among the ones at hand"), "{problem}");
    assert!(problem.contains("vault.master_key_file"), "{problem}");
    assert_eq!(build(&mut world.harness, world.folder.path()).await, Ok(()));
    assert_eq!(world.resolve("").await.values["api_key"], GOOD_KEY);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_garbled_master_key_is_named_and_harms_nothing() {
    let mut world = World::new().await;
    world.connect("", GOOD_KEY).await.unwrap();
    let garbled = tempfile::tempdir().unwrap();
    std::fs::write(garbled.path().join("master-key"), "d34db33f").unwrap();
    let problem = build(&mut world.harness, garbled.path()).await.unwrap_err();
    assert!(problem.contains("must hold 32 random bytes") && !problem.contains("d34db33f"), "{problem}");
    assert_eq!(world.resolve("").await.values["api_key"], GOOD_KEY);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_master_key_is_named() {
    let mut harness = Harness::new().await;
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path(), "https://127.0.0.1:1");
    config.vault.master_key_file = folder.path().join("nowhere");
    let deps = harness.deps(&integrations::DEFINITION).await;
    let problem = integrations::build(config, deps).await.map(|_| ()).unwrap_err().to_string();
    assert!(problem.contains("nowhere") && problem.contains("vault.master_key_file"), "{problem}");
    harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_defaults_are_a_configuration() {
    let environment = std::collections::BTreeMap::from([(
        "LATCHKEY_ADAPTERS__KISI".to_owned(),
        "https://kisi-adapter:7421".to_owned(),
    )]);
    let (_, own): (_, integrations::Config) =
        chassis::config::load(integrations::DEFINITION.config_defaults, environment).unwrap();
    assert_eq!(own.adapters["kisi"], "https://kisi-adapter:7421");
    assert!(own.vault.master_key_file.ends_with("master-key"));
}
