use std::net::TcpListener;
use std::time::Duration;

use local_infra::{Error, Postgres, PostgresConfig, Server};
use sqlx::{Connection, PgConnection};

pub(crate) fn quick(dir: &std::path::Path) -> PostgresConfig {
    let mut config = PostgresConfig::new(dir);
    config.settings = vec![("fsync".into(), "off".into())];
    config
}

async fn value(server: &Postgres, sql: &'static str) -> String {
    let mut connection = PgConnection::connect(&server.url("shop")).await.unwrap();
    sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
}

#[tokio::test]
async fn committed_data_survives_a_kill_and_a_restart_on_the_same_port() {
    let root = tempfile::tempdir().unwrap();
    // The real thing: what a crash leaves is only worth looking at with fsync on.
    let mut server = Postgres::start(PostgresConfig::new(root.path().join("db"))).await.unwrap();
    server.ensure_database("shop").await.unwrap();
    server.ensure_database("shop").await.unwrap();
    let mut connection = PgConnection::connect(&server.url("shop")).await.unwrap();
    sqlx::query("CREATE TABLE kept AS SELECT 'yes' AS answer").execute(&mut connection).await.unwrap();
    let (port, pid) = (server.port(), server.pid().unwrap());

    server.kill().await;
    assert!(sqlx::query("SELECT 1").execute(&mut connection).await.is_err());
    assert_eq!(server.pid(), None);
    server.restart().await.unwrap();

    assert_eq!(server.port(), port);
    assert_ne!(server.pid().unwrap(), pid);
    assert_eq!(value(&server, "SELECT answer FROM kept").await, "yes");
    server.stop().await.unwrap();
    drop(server);

    let mut again = Postgres::start(PostgresConfig::new(root.path().join("db"))).await.unwrap();
    assert_eq!(value(&again, "SELECT answer FROM kept").await, "yes");
    again.stop().await.unwrap();
}

#[tokio::test]
async fn a_kill_from_outside_is_noticed() {
    let root = tempfile::tempdir().unwrap();
    let mut server = Postgres::start(quick(&root.path().join("db"))).await.unwrap();
    let pid = nix::unistd::Pid::from_raw(server.pid().unwrap().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    tokio::time::timeout(Duration::from_secs(5), server.ended()).await.unwrap();
    server.restart().await.unwrap();
    server.ensure_database("shop").await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn settings_and_defaults_are_in_force() {
    let root = tempfile::tempdir().unwrap();
    let mut config = quick(&root.path().join("db"));
    config.settings.push(("max_connections".into(), "17".into()));
    let mut server = Postgres::start(config).await.unwrap();
    server.ensure_database("shop").await.unwrap();
    for (sql, wanted) in [
        ("SHOW max_connections", "17"),
        ("SHOW fsync", "off"),
        ("SHOW timezone", "UTC"),
        ("SHOW server_encoding", "UTF8"),
        ("SHOW listen_addresses", "127.0.0.1"),
        ("SELECT lower('ÄÖ')", "äö"),
    ] {
        assert_eq!(value(&server, sql).await, wanted, "{sql}");
    }
    let without_password = server.url("shop").replace(':', ":wrong").replacen(":wrong", ":", 1);
    assert!(PgConnection::connect(&without_password).await.is_err());
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_setting_that_the_server_refuses_is_shown_with_the_end_of_its_log() {
    let root = tempfile::tempdir().unwrap();
    let mut config = quick(&root.path().join("db"));
    config.settings.push(("shared_buffers".into(), "plenty".into()));
    let error = Postgres::start(config).await.err().unwrap();
    let Error::Died { server: Server::Postgres, log, tail } = &error else { panic!("{error}") };
    assert!(tail.contains("shared_buffers"), "{tail}");
    assert!(log.ends_with("db/postgres.log"), "{}", log.display());
    let mut config = quick(&root.path().join("db"));
    config.settings.push(("fsync -c".into(), "on".into()));
    assert!(matches!(Postgres::start(config).await, Err(Error::SettingName(_))));
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let root = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut config = quick(&root.path().join("db"));
    config.port = Some(port);
    let error = Postgres::start(config).await.err().unwrap();
    assert!(matches!(error, Error::PortTaken { server: Server::Postgres, port: named } if named == port));
    assert!(error.to_string().contains(&port.to_string()));
}

#[tokio::test]
async fn two_runs_on_one_folder_are_refused_and_do_not_disturb_the_first() {
    let root = tempfile::tempdir().unwrap();
    let config = quick(&root.path().join("db"));
    let mut server = Postgres::start(config.clone()).await.unwrap();
    assert!(matches!(Postgres::start(config).await, Err(Error::InUse { .. })));
    server.ensure_database("shop").await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_lost_password_is_said_and_not_replaced() {
    let root = tempfile::tempdir().unwrap();
    let config = quick(&root.path().join("db"));
    Postgres::start(config.clone()).await.unwrap().stop().await.unwrap();
    std::fs::remove_file(root.path().join("db/password")).unwrap();
    assert!(matches!(Postgres::start(config).await, Err(Error::PasswordLost { .. })));
}

#[tokio::test]
async fn a_set_up_that_was_cut_short_is_done_again() {
    let root = tempfile::tempdir().unwrap();
    let half = root.path().join("db/data.unfinished");
    std::fs::create_dir_all(&half).unwrap();
    std::fs::write(half.join("PG_VERSION"), "15").unwrap();
    Postgres::start(quick(&root.path().join("db"))).await.unwrap().stop().await.unwrap();
    assert!(!half.exists());
}

#[tokio::test]
async fn a_pid_file_that_names_a_stranger_is_no_obstacle() {
    let root = tempfile::tempdir().unwrap();
    let config = quick(&root.path().join("db"));
    Postgres::start(config.clone()).await.unwrap().stop().await.unwrap();
    // What a crash leaves when the number has gone to another process since: here, to this test.
    let stale = format!("{}\n{}\n", std::process::id(), root.path().join("db/data").display());
    std::fs::write(root.path().join("db/data/postmaster.pid"), stale).unwrap();
    Postgres::start(config).await.unwrap().stop().await.unwrap();
}

#[tokio::test]
async fn a_temporary_folder_goes_when_the_server_stops() {
    let root = tempfile::tempdir().unwrap();
    let mut config = quick(&root.path().join("db"));
    config.is_temporary = true;
    let mut server = Postgres::start(config).await.unwrap();
    server.restart().await.unwrap();
    server.ensure_database("shop").await.unwrap();
    server.stop().await.unwrap();
    assert!(!root.path().join("db").exists());
}

#[tokio::test]
async fn names_that_are_no_database_names_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let mut server = Postgres::start(quick(&root.path().join("db"))).await.unwrap();
    for name in ["", "Shop", "a b", "1st", "a;drop", &"a".repeat(64)] {
        assert!(matches!(server.ensure_database(name).await, Err(Error::DatabaseName(_))), "{name:?}");
    }
    server.stop().await.unwrap();
}

/// Only root can be refused by PostgreSQL for being root, and only root has a /root.
#[tokio::test]
async fn root_can_keep_the_data_below_a_folder_that_is_closed_to_others() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let root = tempfile::tempdir_in("/root").unwrap();
    let mut server = Postgres::start(quick(&root.path().join("checkout/.latchkey/postgres"))).await.unwrap();
    server.ensure_database("shop").await.unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid().unwrap())).unwrap();
    let uid = status.lines().find(|line| line.starts_with("Uid:")).unwrap();
    assert!(!uid.contains("\t0"), "runs as root: {uid}");
    server.kill().await;
    server.restart().await.unwrap();
    server.stop().await.unwrap();
}
