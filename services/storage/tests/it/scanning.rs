//! With a virus scanner: a server that speaks clamd's protocol and knows the test file that all scanners know (EICAR).

use chassis::auth::Role;
use proto::storage::v1 as pb;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tonic::Code;

use crate::world::{World, new_file, pdf, why};

/// Split, so that scanners of disks leave this file alone.
const EICAR: [&str; 2] = [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*"];

async fn clamd(listener: TcpListener) {
    let mut sessions = JoinSet::new();
    loop {
        let (connection, _) = listener.accept().await.unwrap();
        sessions.spawn(session(connection));
    }
}

async fn session(mut connection: TcpStream) {
    let mut command = [0; 10];
    connection.read_exact(&mut command).await.unwrap();
    assert_eq!(&command, b"zINSTREAM\0");
    let mut whole = Vec::new();
    loop {
        let length = connection.read_u32().await.unwrap();
        if length == 0 {
            break;
        }
        let begin = whole.len();
        whole.resize(begin + length as usize, 0);
        connection.read_exact(&mut whole[begin..]).await.unwrap();
    }
    let has_virus = whole.windows(EICAR.concat().len()).any(|part| part == EICAR.concat().as_bytes());
    let answer = if has_virus { "stream: Eicar-Test-Signature FOUND\0" } else { "stream: OK\0" };
    connection.write_all(answer.as_bytes()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_with_a_virus_is_refused_and_a_clean_one_is_stored() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(clamd(listener));
    let world = World::start_with(|config| config.clamav.address = address.to_string()).await;
    let ada = world.person(Role::Member);
    let new = || new_file(pb::FileKind::Receipt, "taxi.pdf", "application/pdf");
    let infected = [pdf(200_000), EICAR.concat().into_bytes()].concat();
    let refused = (Code::FailedPrecondition, "VIRUS".to_owned());
    assert_eq!(why(ada.upload(new(), infected.clone()).await), refused);
    assert_eq!(why(ada.put(new(), &infected).await), refused);
    ada.upload(new(), pdf(200_000)).await.unwrap();
    world.objects_are(1).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_scanner_is_away_nothing_is_stored_unscanned_and_nothing_is_lost() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let world = World::start_with(|config| config.clamav.address = address.to_string()).await;
    let ada = world.person(Role::Member);
    let begun = ada.start(new_file(pb::FileKind::Receipt, "taxi.pdf", "application/pdf"), 100).await.unwrap();
    let name = begun.file.unwrap().name;
    crate::world::send(&begun.upload.unwrap(), pdf(100)).await;
    assert_eq!(why(ada.complete(&name).await).0, Code::Unavailable);
    assert_eq!(ada.get(&name).await.unwrap().state(), pb::FileState::Uploading);

    let mut serving = JoinSet::new();
    serving.spawn(clamd(TcpListener::bind(address).await.unwrap()));
    ada.complete(&name).await.unwrap();
    world.harness.finish().await;
}
