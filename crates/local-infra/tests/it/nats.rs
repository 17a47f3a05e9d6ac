use std::net::TcpListener;

use async_nats::jetstream::{self, stream};
use local_infra::{Error, Nats, NatsConfig, Server};

async fn jetstream(server: &Nats) -> jetstream::Context {
    let address: async_nats::ServerAddr = server.url().parse().unwrap();
    let mut options = async_nats::ConnectOptions::new();
    if let (Some(user), Some(password)) = (address.username(), address.password()) {
        options = options.user_and_password(user.to_owned(), password.to_owned());
    }
    jetstream::new(options.connect(address).await.unwrap())
}

async fn stored(server: &Nats) -> Option<u64> {
    jetstream(server).await.get_stream("kept").await.ok().map(|stream| stream.cached_info().state.messages)
}

async fn fill(server: &Nats) {
    let context = jetstream(server).await;
    let config =
        stream::Config { name: "kept".into(), subjects: vec!["kept.>".into()], ..stream::Config::default() };
    context.create_stream(config).await.unwrap();
    context.publish("kept.one", "hello".into()).await.unwrap().await.unwrap();
}

#[tokio::test]
async fn streams_survive_a_kill_and_a_restart_on_the_same_port() {
    let root = tempfile::tempdir().unwrap();
    let mut server = Nats::start(NatsConfig::new(root.path().join("nats"))).await.unwrap();
    fill(&server).await;
    let (port, pid) = (server.port(), server.pid().unwrap());
    server.kill().await;
    assert_eq!(server.pid(), None);
    server.restart().await.unwrap();
    assert_eq!(server.port(), port);
    assert_ne!(server.pid().unwrap(), pid);
    assert_eq!(stored(&server).await, Some(1));
    server.stop().await.unwrap();
    drop(server);

    let mut again = Nats::start(NatsConfig::new(root.path().join("nats"))).await.unwrap();
    assert_eq!(stored(&again).await, Some(1));
    again.stop().await.unwrap();
}

#[tokio::test]
async fn wiping_loses_every_stream_and_needs_a_stopped_server() {
    let root = tempfile::tempdir().unwrap();
    let mut server = Nats::start(NatsConfig::new(root.path().join("nats"))).await.unwrap();
    fill(&server).await;
    assert!(matches!(server.wipe(), Err(Error::State { server: Server::Nats, running: true })));
    server.kill().await;
    server.wipe().unwrap();
    server.restart().await.unwrap();
    assert_eq!(stored(&server).await, None);
    fill(&server).await;
    server.stop().await.unwrap();
}

#[tokio::test]
async fn an_open_server_wants_no_password() {
    let root = tempfile::tempdir().unwrap();
    let mut config = NatsConfig::new(root.path().join("nats"));
    config.is_open = true;
    let mut server = Nats::start(config).await.unwrap();
    async_nats::connect(format!("nats://127.0.0.1:{}", server.port())).await.unwrap();
    fill(&server).await;
    server.stop().await.unwrap();
}

#[tokio::test]
async fn nobody_gets_in_without_the_password() {
    let root = tempfile::tempdir().unwrap();
    let mut server = Nats::start(NatsConfig::new(root.path().join("nats"))).await.unwrap();
    assert!(async_nats::connect(format!("nats://127.0.0.1:{}", server.port())).await.is_err());
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let root = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut config = NatsConfig::new(root.path().join("nats"));
    config.port = Some(port);
    let error = Nats::start(config).await.err().unwrap();
    assert!(matches!(error, Error::PortTaken { server: Server::Nats, port: named } if named == port));
}

#[tokio::test]
async fn a_temporary_folder_goes_when_the_server_stops() {
    let root = tempfile::tempdir().unwrap();
    let mut config = NatsConfig::new(root.path().join("nats"));
    config.is_temporary = true;
    let mut server = Nats::start(config).await.unwrap();
    server.stop().await.unwrap();
    assert!(!root.path().join("nats").exists());
}
