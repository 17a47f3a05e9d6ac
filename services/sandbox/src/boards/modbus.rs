//! A board that speaks Modbus, as Waveshare's do (Modbus application protocol; Waveshare wiki, Modbus POE ETH Relay):
//! by Modbus TCP, or, out of the box, by frames of Modbus RTU within TCP. What comes in the other framing, for another
//! unit or with a wrong checksum is not answered at all.

mod frame;
mod functions;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Board, Device};
use crate::guard::{Guard, Judged, Request};
use crate::{Action, Phase, Vendor};
use frame::Heard;

/// A Modbus board's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Modbus {
    /// How frames are wrapped.
    pub framing: Framing,
    /// Its unit; others are not answered.
    pub unit: u8,
    /// Whether several clients may be connected at once.
    pub is_multi_host: bool,
    /// Whether it can close a relay for a while.
    pub has_flash: bool,
    /// What each input does to its relay: 0 nothing, 1 linkage, 2 toggle, 3 edge. Further ones have 0.
    pub control_modes: Vec<u16>,
    /// Whether it is too busy for everything.
    pub is_busy: bool,
    /// Whether its answers name another transaction than was asked.
    pub has_wrong_transactions: bool,
    /// Whether its answers come in pieces.
    pub has_partial_frames: bool,
}

/// As it comes out of the box.
impl Default for Modbus {
    fn default() -> Self {
        Self {
            framing: Framing::Rtu,
            unit: 1,
            is_multi_host: false,
            has_flash: true,
            control_modes: Vec::new(),
            is_busy: false,
            has_wrong_transactions: false,
            has_partial_frames: false,
        }
    }
}

/// How frames are wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// Modbus TCP.
    Tcp,
    /// Modbus RTU, with its checksum, within TCP.
    Rtu,
}

/// Several clients, if they are allowed.
const CONNECTIONS_MAX: usize = 8;

impl Modbus {
    pub(super) fn connections_max(&self) -> usize {
        if self.is_multi_host { CONNECTIONS_MAX } else { 1 }
    }
}

fn settings(board: &Board) -> Modbus {
    match board.device() {
        Device::Modbus(settings) => settings,
        _ => Modbus::default(),
    }
}

/// Answers a client until it leaves.
pub(super) async fn converse(board: Arc<Board>, guard: Guard, mut stream: TcpStream) {
    let mut heard = Vec::new();
    let mut buffer = [0; 512];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        if !board.lock().has_power {
            return;
        }
        heard.extend_from_slice(&buffer[..read]);
        loop {
            let modbus = settings(&board);
            match frame::take(&mut heard, modbus.framing, modbus.unit) {
                Heard::Request(request) => {
                    let Some(answer) = answer(&board, &guard, &request.pdu).await else { return };
                    let bytes = match answer {
                        Answer::Pdu(pdu) => frame::wrap(&pdu, &request, &modbus),
                        Answer::Raw(bytes) => bytes,
                    };
                    if write(&mut stream, &bytes, modbus.has_partial_frames).await.is_err() {
                        return;
                    }
                }
                Heard::Nothing => continue,
                Heard::Incomplete => break,
            }
        }
    }
}

enum Answer {
    Pdu(Vec<u8>),
    /// Not even a frame.
    Raw(Vec<u8>),
}

/// What comes of a request, faults included; none: the connection breaks.
async fn answer(board: &Board, guard: &Guard, pdu: &[u8]) -> Option<Answer> {
    let request = Request {
        vendor: Vendor::Boards,
        account: Some(board.name().to_owned()),
        method: if functions::is_read(pdu) { http::Method::GET } else { http::Method::POST },
        path: functions::path(pdu),
        query: None,
    };
    let Judged { action, logged } = guard.judge(request).await;
    let (answer, status) = match action {
        None | Some(Action::Delay { .. }) => (Some(Answer::Pdu(functions::call(board, pdu))), Some(200)),
        Some(Action::Outage | Action::DropBeforeEffect) => (None, None),
        Some(Action::DropAfterEffect) => {
            functions::call(board, pdu);
            (None, None)
        }
        Some(Action::Status { code, body, phase, .. }) => {
            if phase == Phase::AfterEffect {
                functions::call(board, pdu);
            }
            let answer = match body {
                Some(body) => Answer::Raw(body.into_bytes()),
                None if code == 503 => Answer::Pdu(functions::exception(pdu, functions::BUSY)),
                None => Answer::Pdu(functions::exception(pdu, functions::DEVICE_FAILURE)),
            };
            (Some(answer), Some(code))
        }
    };
    guard.log(logged, status);
    answer
}

async fn write(stream: &mut TcpStream, bytes: &[u8], in_pieces: bool) -> std::io::Result<()> {
    let size = if in_pieces { 3 } else { bytes.len().max(1) };
    for piece in bytes.chunks(size) {
        stream.write_all(piece).await?;
        stream.flush().await?;
        tokio::task::yield_now().await;
    }
    Ok(())
}
