//! What changes of integrations leave in the audit log: names of values, never values.

use std::collections::BTreeMap;

use chassis::auth::{Principal, Role};
use domain::PersonId;
use domain::names::{LocationName, PersonName};
use integrations::DEFINITION;
use proto::audit::v1 as audit;
use proto::integrations::v1 as pb;
use proto::integrations::v1::integration_service_client::IntegrationServiceClient;
use testkit::{CALLER_ADDRESS, audit_line};

use crate::adapter::{GOOD_KEY, KEY_OF_ANOTHER_ACCOUNT};
use crate::world::World;

const STRIPE_KEY: &str = "sk_test_4eC39HqLyjWD";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_change_leaves_one_entry_with_who_what_and_from_where_and_no_value() {
    let world = World::new().await;
    let (workspace, id) = (world.workspace, PersonId::new());
    let owner = Principal::person(id.to_string(), workspace, Role::Owner);
    let mut client = IntegrationServiceClient::new(world.harness.channel_with(&world.address, &owner));
    let here = world.new_location();
    let LocationName { id: location, .. } = here.parse().unwrap();

    let once = pb::ConnectIntegrationRequest { request_id: "once".into(), ..world.request(&here, GOOD_KEY) };
    let connected = client.connect_integration(once.clone()).await.unwrap().into_inner();
    client.connect_integration(once).await.unwrap();
    let kisi = connected.integration.unwrap().name;
    let stripe = pb::ConnectIntegrationRequest {
        provider: "stripe".into(),
        credentials: BTreeMap::from([("secret_key".into(), STRIPE_KEY.into())]),
        ..world.request("", "")
    };
    let stripe = client.connect_integration(stripe).await.unwrap().into_inner().integration.unwrap();
    // What is refused leaves nothing.
    let refused = pb::ConnectIntegrationRequest { provider: "stripe".into(), ..world.request("", "x") };
    assert!(client.connect_integration(refused).await.is_err());

    let other = world.request(&here, KEY_OF_ANOTHER_ACCOUNT);
    client.connect_integration(other).await.unwrap();
    let confirm = pb::ConfirmAccountRequest { name: kisi.clone(), account_ref: "10".into() };
    client.confirm_account(confirm.clone()).await.unwrap();
    client.confirm_account(confirm).await.unwrap();
    client.check_integration(pb::CheckIntegrationRequest { name: kisi.clone() }).await.unwrap();

    client.connect_integration(world.request(&here, GOOD_KEY)).await.unwrap();
    for place in ["9-hall", "9-loft", "9-loft"] {
        let assign =
            pb::AssignPlaceRequest { name: kisi.clone(), place_ref: place.into(), location: here.clone() };
        client.assign_place(assign).await.unwrap();
    }
    for _ in 0..2 {
        let unassign = pb::UnassignPlaceRequest { name: kisi.clone(), location: here.clone() };
        client.unassign_place(unassign).await.unwrap();
    }
    for _ in 0..2 {
        let disconnect = pb::DisconnectIntegrationRequest { name: kisi.clone(), request_id: String::new() };
        client.disconnect_integration(disconnect).await.unwrap();
    }

    let entries = world.harness.audit_entries(&DEFINITION).await;
    let told: Vec<_> = entries.iter().map(|entry| (entry.subject.as_str(), audit_line(entry))).collect();
    let place = |change: &str| format!("locations/{location}.place_ref {change}");
    let expected = [
        (
            kisi.as_str(),
            format!("ConnectIntegration: provider SET kisi; location SET {here}; credentials.api_key SET"),
        ),
        (stripe.name.as_str(), "ConnectIntegration: provider SET stripe; credentials.secret_key SET".into()),
        (&kisi, "ConnectIntegration: credentials.api_key REPLACED".into()),
        (&kisi, "ConfirmAccount: confirmed_account_ref REPLACED 9 -> 10".into()),
        (&kisi, "ConnectIntegration: credentials.api_key REPLACED".into()),
        (&kisi, format!("AssignPlace: {}", place("SET 9-hall"))),
        (&kisi, format!("AssignPlace: {}", place("REPLACED 9-hall -> 9-loft"))),
        (&kisi, format!("UnassignPlace: {}", place("CLEARED 9-loft"))),
        (&kisi, "DisconnectIntegration: credentials.api_key CLEARED".into()),
    ];
    assert_eq!(told, expected);
    let actor = audit::Actor {
        kind: audit::ActorKind::Person.into(),
        name: PersonName { workspace, id }.to_string(),
        role: proto::auth::v1::Role::Owner.into(),
        address: CALLER_ADDRESS.into(),
    };
    for entry in entries {
        assert_eq!(entry.actor.as_ref(), Some(&actor));
        let text = serde_json::to_string(&entry).unwrap();
        for secret in [GOOD_KEY, KEY_OF_ANOTHER_ACCOUNT, STRIPE_KEY] {
            assert!(!text.contains(&secret[secret.len() - 8..]), "{text}");
        }
        assert!(!text.contains('•'), "not even a mask: {text}");
    }
    world.harness.finish().await;
}
