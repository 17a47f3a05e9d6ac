//! The demo workspace: made once, through the API, as an operator would.

use std::time::Duration;

use anyhow::Context as _;
use proto::access::v1 as access;
use proto::auth::v1::Role;
use proto::integrations::v1 as integrations;
use proto::workspace::v1 as workspace;
use secrecy::ExposeSecret as _;
use tonic::{Code, Status};

use super::UpConfig;
use super::wiring::SANDBOX_KISI_KEY;
use crate::client::{Client, said};
use crate::installation::{DataDir, DemoWorkspace, Running};

/// How long the services may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// The person who is paused.
const PAUSED: &str = "paused";

/// The demo workspace, made if it is not there. Each step has a key of its own, so that a start that
/// was broken off goes on where it was.
pub(super) async fn ensure(
    mut client: Client,
    config: &UpConfig,
    data: &DataDir,
    running: &Running,
) -> anyhow::Result<DemoWorkspace> {
    let known = data.demo().ok();
    wait_until_up(&mut client).await?;
    let demo = match known {
        Some(demo) => demo,
        None => {
            let demo = make(&mut client).await?;
            map_doors(&mut client, &demo, running).await?;
            data.set_demo(&demo)?;
            demo
        }
    };
    connect_kisi(&mut client, config, &demo).await?;
    Ok(demo)
}

async fn wait_until_up(client: &mut Client) -> anyhow::Result<()> {
    let start = tokio::time::Instant::now();
    let nobody = format!("workspaces/{}", domain::WorkspaceId::new());
    loop {
        let request = workspace::GetWorkspaceRequest { name: nobody.clone() };
        match client.places.get_workspace(request).await {
            Err(status) if status.code() == Code::Unavailable && start.elapsed() < PATIENCE => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(status) if status.code() == Code::NotFound => return Ok(()),
            Err(status) => anyhow::bail!("the platform does not answer: {}", said(&status)),
            Ok(_) => return Ok(()),
        }
    }
}

fn failed(what: &'static str) -> impl Fn(Status) -> anyhow::Error {
    move |status| anyhow::anyhow!("cannot make {what}: {}", said(&status))
}

async fn make(client: &mut Client) -> anyhow::Result<DemoWorkspace> {
    let request = workspace::CreateWorkspaceRequest {
        workspace: Some(workspace::Workspace {
            display_name: "Demo Space".into(),
            reply_to_email: "desk@demo.example".into(),
            ..Default::default()
        }),
        request_id: "demo-workspace".into(),
    };
    let answer = client.places.create_workspace(request).await.map_err(failed("the demo workspace"))?;
    let parent = answer.into_inner().workspace.context("the workspace is missing")?.name;

    let request = workspace::CreateLocationRequest {
        parent: parent.clone(),
        location: Some(workspace::Location {
            display_name: "Demo Space Vienna".into(),
            time_zone: "Europe/Vienna".into(),
            country: "AT".into(),
            address: "Praterstraße 1, 1020 Wien".into(),
            ..Default::default()
        }),
        request_id: "demo-location".into(),
    };
    let answer = client.places.create_location(request).await.map_err(failed("the demo location"))?;
    let location = answer.into_inner().location.context("the location is missing")?.name;

    let request = workspace::CreateResourceRequest {
        parent: parent.clone(),
        resource: Some(workspace::Resource {
            location: location.clone(),
            display_name: "Room 1".into(),
            ..Default::default()
        }),
        request_id: "demo-resource".into(),
    };
    let answer = client.places.create_resource(request).await.map_err(failed("the demo room"))?;
    let resource = answer.into_inner().resource.context("the resource is missing")?.name;

    let request = workspace::CreatePersonRequest {
        parent: parent.clone(),
        person: Some(workspace::Person {
            display_name: "Ada Demo".into(),
            email: "ada@demo.example".into(),
            phone: "0664 1234567".into(),
            country: "AT".into(),
            ..Default::default()
        }),
        request_id: "demo-person".into(),
    };
    let answer = client.people.create_person(request).await.map_err(failed("the demo person"))?;
    let person = answer.into_inner().person.context("the person is missing")?.name;
    add_people(client, &parent, &location).await?;
    Ok(DemoWorkspace { workspace: parent, location, resource, person })
}

/// One person for each role, and a paused one: those whom the sandbox's OpenID provider lets sign in.
async fn add_people(client: &mut Client, parent: &str, location: &str) -> anyhow::Result<()> {
    for (name, role) in [
        ("owner", Role::Owner),
        ("admin", Role::Admin),
        ("manager", Role::Manager),
        ("member", Role::Member),
        ("guest", Role::Guest),
        (PAUSED, Role::Member),
    ] {
        let is_manager = role == Role::Manager;
        let request = workspace::CreatePersonRequest {
            parent: parent.to_owned(),
            person: Some(workspace::Person {
                display_name: format!("Demo {name}"),
                email: format!("{name}@demo.latchkey.test"),
                role: role.into(),
                locations: is_manager.then(|| location.to_owned()).into_iter().collect(),
                ..Default::default()
            }),
            request_id: format!("demo-{name}"),
        };
        let answer = client.people.create_person(request).await.map_err(failed("the demo people"))?;
        let person = answer.into_inner().person.context("the person is missing")?.name;
        if name == PAUSED {
            let request = workspace::PausePersonRequest { name: person, request_id: "demo-pause".into() };
            client.people.pause_person(request).await.map_err(failed("the paused person"))?;
        }
    }
    Ok(())
}

/// Room 1 of the demo workspace opens by the sandbox's lock of that name, and by its front door. A real
/// Kisi account has doors of its own: their mappings are the operator's to make.
async fn map_doors(client: &mut Client, demo: &DemoWorkspace, running: &Running) -> anyhow::Result<()> {
    let Some(organization) = running.kisi_organization else { return Ok(()) };
    for (name, lock) in crate::demo::locks(&running.sandbox, organization).await? {
        let request = access::CreateDoorMappingRequest {
            parent: demo.workspace.clone(),
            door_mapping: Some(access::DoorMapping {
                resource: demo.resource.clone(),
                location: demo.location.clone(),
                provider: "kisi".into(),
                target: Some(access::DoorTarget {
                    kind: access::DoorTargetKind::Lock.into(),
                    r#ref: lock.to_string(),
                    display_name: name,
                }),
                ..Default::default()
            }),
            request_id: format!("demo-mapping-{lock}"),
        };
        match client.access.create_door_mapping(request).await {
            Err(status) if status.code() != Code::AlreadyExists => {
                return Err(failed("a door mapping")(status));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Connects the demo workspace with the configured key, unless it is connected already.
async fn connect_kisi(client: &mut Client, config: &UpConfig, demo: &DemoWorkspace) -> anyhow::Result<()> {
    let real = config.demo.kisi_api_key.expose_secret();
    let request =
        integrations::ListIntegrationsRequest { parent: demo.workspace.clone(), ..Default::default() };
    let known =
        client.integrations.list_integrations(request).await.map_err(failed("the Kisi connection"))?;
    let is_connected = known.into_inner().integrations.iter().any(|integration| {
        integration.provider == "kisi" && integration.status() == integrations::IntegrationStatus::Connected
    });
    if is_connected && real.is_empty() {
        return Ok(());
    }
    let key = if real.is_empty() { SANDBOX_KISI_KEY } else { real };
    let request = integrations::ConnectIntegrationRequest {
        parent: demo.workspace.clone(),
        provider: "kisi".into(),
        location: String::new(),
        credentials: [("api_key".to_owned(), key.to_owned())].into(),
        request_id: String::new(),
    };
    let answer =
        client.integrations.connect_integration(request).await.map_err(failed("the Kisi connection"))?;
    let integration = answer.into_inner().integration.unwrap_or_default();
    if integration.status() != integrations::IntegrationStatus::Connected {
        eprintln!("Kisi is not connected: {}", integration.status_reason);
    }
    Ok(())
}
