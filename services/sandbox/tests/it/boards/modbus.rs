//! The Modbus twin.

use std::time::Duration;

use sandbox::boards::{Board, Device, Framing, Modbus};
use sandbox::{Action, Fault, Phase, Vendor};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{board, closed_ms, pass};
use crate::harness::within;

fn tcp() -> Modbus {
    Modbus { framing: Framing::Tcp, is_multi_host: true, ..Modbus::default() }
}

/// Sends a frame and reads so many bytes.
async fn ask(board: &Board, frame: &[u8], bytes: usize) -> Vec<u8> {
    let mut stream = TcpStream::connect(board.address()).await.unwrap();
    stream.write_all(frame).await.unwrap();
    let mut answer = vec![0; bytes];
    within(stream.read_exact(&mut answer)).await.unwrap();
    answer
}

/// Sends a request by Modbus TCP to unit 1; what the function answered.
async fn call(board: &Board, pdu: &[u8], bytes: usize) -> Vec<u8> {
    let length = u8::try_from(pdu.len() + 1).unwrap();
    let frame = [&[0, 7, 0, 0, 0, length, 1], pdu].concat();
    let answer = ask(board, &frame, 7 + bytes).await;
    assert_eq!(answer[..7], [0, 7, 0, 0, 0, u8::try_from(bytes + 1).unwrap(), 1]);
    answer[7..].to_vec()
}

#[tokio::test]
async fn a_flash_is_as_long_as_asked_and_echoed() {
    let (running, board) = board(Device::Modbus(tcp())).await;
    let flash = [5, 2, 0, 0, 10];
    assert_eq!(call(&board, &flash, 5).await, flash);
    assert_eq!(call(&board, &[1, 0, 0, 0, 2], 3).await, [1, 1, 1]);
    pass(&running, 60_000);
    assert_eq!(closed_ms(&board, 0), [Some(1_000)]);
    assert_eq!(call(&board, &[1, 0, 0, 0, 2], 3).await, [1, 1, 0]);
}

#[tokio::test]
async fn another_flash_restarts_the_timer_and_a_plain_off_ends_it() {
    let (running, board) = board(Device::Modbus(tcp())).await;
    for _ in 0..2 {
        call(&board, &[5, 2, 1, 0, 30], 5).await;
        pass(&running, 2_000);
    }
    call(&board, &[5, 0, 1, 0, 0], 5).await;
    pass(&running, 60_000);
    assert_eq!(closed_ms(&board, 1), [Some(4_000)]);
}

#[tokio::test]
async fn coils_are_written_one_by_one_all_at_once_and_toggled() {
    let (_running, board) = board(Device::Modbus(tcp())).await;
    let state = || [board.is_closed(0), board.is_closed(1)];
    call(&board, &[5, 0, 0xff, 0xff, 0], 5).await;
    assert_eq!(state(), [true, true]);
    call(&board, &[5, 0, 0, 0x55, 0], 5).await;
    assert_eq!(state(), [false, true]);
    assert_eq!(call(&board, &[0x0f, 0, 0, 0, 2, 1, 0b01], 5).await, [0x0f, 0, 0, 0, 2]);
    assert_eq!(state(), [true, false]);
    board.set_input(1, true);
    assert_eq!(call(&board, &[2, 0, 0, 0, 2], 3).await, [2, 1, 0b10]);
    assert_eq!(call(&board, &[3, 0x80, 0, 0, 1], 4).await, [3, 2, 0, 200]);
}

#[tokio::test]
async fn exceptions_say_what_is_wrong() {
    let (_running, board) = board(Device::Modbus(tcp())).await;
    for (pdu, code) in [
        ([6, 0, 0, 0, 1], 1),
        ([5, 0, 2, 0xff, 0], 2),
        ([5, 2, 2, 0, 1], 2),
        ([1, 0, 1, 0, 2], 2),
        ([5, 0, 0, 0x12, 0x34], 3),
        ([5, 2, 0, 0, 0], 3),
        ([5, 2, 0, 0x80, 0], 3),
    ] {
        assert_eq!(call(&board, &pdu, 2).await, [pdu[0] | 0x80, code], "{pdu:?}");
    }
    board.configure(|device| *device = Device::Modbus(Modbus { is_busy: true, ..tcp() }));
    assert_eq!(call(&board, &[5, 2, 0, 0, 1], 2).await, [0x85, 6]);
    board.configure(|device| *device = Device::Modbus(Modbus { has_flash: false, ..tcp() }));
    assert_eq!(call(&board, &[5, 2, 0, 0, 1], 2).await, [0x85, 2]);
    assert_eq!(board.closures(0), []);
}

#[tokio::test]
async fn out_of_the_box_it_speaks_serial_frames_and_is_silent_to_others() {
    let (running, board) = board(Device::Modbus(Modbus::default())).await;
    let vendors = [1, 5, 2, 0, 0, 7, 0x8d, 0xb0];
    assert_eq!(ask(&board, &vendors, 8).await, vendors);
    pass(&running, 60_000);
    assert_eq!(closed_ms(&board, 0), [Some(700)]);
    // What is not understood gets nothing; the next frame does.
    let mut stream = TcpStream::connect(board.address()).await.unwrap();
    stream.write_all(&[0, 1, 0, 0, 0, 6, 1, 5, 0, 0, 0xff, 0]).await.unwrap();
    let silence = tokio::time::timeout(Duration::from_millis(50), stream.read_u8()).await;
    assert!(silence.is_err(), "{silence:?}");
    stream.write_all(&vendors).await.unwrap();
    let mut answer = [0; 8];
    within(stream.read_exact(&mut answer)).await.unwrap();
    assert_eq!(answer, vendors);
}

#[tokio::test]
async fn one_client_at_a_time_unless_more_are_allowed() {
    let (_running, board) = board(Device::Modbus(Modbus { is_multi_host: false, ..tcp() })).await;
    let mut first = TcpStream::connect(board.address()).await.unwrap();
    first.write_all(&[0, 1, 0, 0, 0, 6, 1, 1, 0, 0, 0, 2]).await.unwrap();
    within(first.read_exact(&mut [0; 10])).await.unwrap();
    let mut second = TcpStream::connect(board.address()).await.unwrap();
    let mut nothing = Vec::new();
    within(second.read_to_end(&mut nothing)).await.ok();
    assert!(nothing.is_empty());
}

#[tokio::test]
async fn answers_are_lost_garbled_in_pieces_or_of_another_transaction() {
    let (running, board) = board(Device::Modbus(tcp())).await;
    let fault = |action| Fault::on(Vendor::Boards, action).request("POST", "^/05/0200$").times(1);
    let flash = [0, 7, 0, 0, 0, 6, 1, 5, 2, 0, 0, 10];

    running.sandbox.faults().add(fault(Action::DropAfterEffect)).unwrap();
    let mut stream = TcpStream::connect(board.address()).await.unwrap();
    stream.write_all(&flash).await.unwrap();
    let mut nothing = Vec::new();
    within(stream.read_to_end(&mut nothing)).await.ok();
    assert_eq!((nothing, board.is_closed(0)), (Vec::new(), true));

    let garbage = Action::Status {
        code: 200,
        body: Some("garbage".to_owned()),
        content_type: None,
        retry_after: None,
        phase: Phase::BeforeEffect,
    };
    running.sandbox.faults().add(fault(garbage)).unwrap();
    assert_eq!(ask(&board, &flash, 7).await, b"garbage");
    running.sandbox.faults().add(fault(Action::status(500))).unwrap();
    assert_eq!(call(&board, &[5, 2, 0, 0, 10], 2).await, [0x85, 4]);

    board.configure(|device| *device = Device::Modbus(Modbus { has_partial_frames: true, ..tcp() }));
    assert_eq!(ask(&board, &flash, 12).await, flash);
    board.configure(|device| *device = Device::Modbus(Modbus { has_wrong_transactions: true, ..tcp() }));
    assert_eq!(ask(&board, &flash, 12).await[..2], [0, 8]);
}
