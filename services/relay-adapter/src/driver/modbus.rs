//! Boards that speak Modbus over TCP, with the flash-on coil of Waveshare's (Waveshare wiki, Modbus POE ETH Relay).
//! Modbus knows no passwords: whoever reaches the board can open the door.
//!
//! One connection for each operation, closed after it: most boards serve one client at a time.

mod frame;

use std::time::Duration;

use async_trait::async_trait;
use domain::{Framing, Host, ModbusBoard, Port, RelayTimer};
use door_adapter::{ErrorKind, ProviderError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use vendor_http::Outgoing;

use super::{Description, Driver, Relay, RelayState, Timing, Unfit, Wish, no_relay, still_closed};
use crate::lasting::Lasting;
use frame::{Answer, Heard, Request};

/// Closes a relay for so many of [`UNIT`].
const FLASH_ON: u16 = 0x0200;
/// What its inputs do to its relays: 0 is nothing.
const CONTROL_MODE: u16 = 0x1000;
const VERSION: u16 = 0x8000;
const ON: u16 = 0xff00;
const OFF: u16 = 0;
const UNIT: Duration = Duration::from_millis(100);
const UNITS_MAX: u32 = 0x7fff;

/// Wait between tries to open a contact that no board opens.
const RETRY: Duration = Duration::from_millis(500);

const NO_FUNCTION: u8 = 1;
const NO_ADDRESS: u8 = 2;

/// No frame is longer.
const FRAME_MAX: usize = 260;

/// How a board is reached.
#[derive(Clone)]
pub(crate) struct Reach {
    pub outgoing: Outgoing,
    pub host: Host,
    pub port: Port,
    pub connect_timeout: Duration,
    /// For one answer.
    pub timeout: Duration,
}

/// A board.
#[derive(Clone)]
pub(crate) struct Modbus {
    reach: Reach,
    board: ModbusBoard,
    relays: u16,
    lasting: Lasting,
}

/// A connection to a board.
struct Connection {
    stream: TcpStream,
    framing: Framing,
    unit: u8,
    transaction: u16,
    timeout: Duration,
}

impl Modbus {
    pub(crate) fn new(reach: Reach, board: ModbusBoard, relays: u16, lasting: Lasting) -> Self {
        Self { reach, board, relays, lasting }
    }

    async fn connect(&self, framing: Framing) -> Result<Connection, ProviderError> {
        let Reach { outgoing, host, port, connect_timeout, timeout: answer_timeout } = &self.reach;
        let connecting = timeout(*connect_timeout, outgoing.connect(host, *port)).await;
        let stream = connecting.map_err(|_| unreachable("no connection in time"))??;
        // Small frames should not wait for more; where the option fails they only come later.
        let _ = stream.set_nodelay(true);
        Ok(Connection { stream, framing, unit: self.board.unit, transaction: 0, timeout: *answer_timeout })
    }

    async fn open(&self) -> Result<Connection, ProviderError> {
        self.connect(self.board.framing).await
    }

    fn coil(&self, relay: Relay) -> Result<u16, ProviderError> {
        let coil = relay.get() - 1;
        if coil < self.relays { Ok(coil) } else { Err(no_relay(relay)) }
    }

    fn timing(&self, relay: Relay) -> Result<Timing, Unfit> {
        match self.board.timer {
            RelayTimer::Flash => Ok(Timing::Told { unit: UNIT, max: UNIT * UNITS_MAX }),
            RelayTimer::MissingAccepted => Ok(Timing::Untimed),
            RelayTimer::Missing => {
                let what = "its board has no timer, so the door would stay open if anything fails: use another board, \
                            or accept that with accept=no-timer";
                Err(Unfit { relay, what: what.to_owned() })
            }
        }
    }

    async fn look(&self, connection: &mut Connection, relay: Relay) -> Result<RelayState, ProviderError> {
        let coil = self.coil(relay)?;
        let is_closed = connection.is_closed(coil, relay).await?;
        let mode = connection.ask(Request::ReadRegisters { first: CONTROL_MODE + coil, count: 1 }).await?;
        let timing = match mode {
            Answer::Registers(modes) if modes.first() != Some(&0) => {
                let what = "its control mode must be normal (0), or its input closes it";
                Err(Unfit { relay, what: what.to_owned() })
            }
            // Boards without inputs have no modes.
            Answer::Registers(_) | Answer::Exception(NO_FUNCTION | NO_ADDRESS) => self.timing(relay),
            other => return Err(other.unexpected()),
        };
        Ok(RelayState { is_closed, timing })
    }

    /// Opens the contact, and looks whether it is open.
    async fn open_contact(&self, relay: Relay) -> Result<(), ProviderError> {
        let coil = self.coil(relay)?;
        let mut connection = self.open().await?;
        connection.write(coil, OFF).await?;
        let is_closed =
            connection.is_closed(coil, relay).await.map_err(ProviderError::with_unknown_outcome)?;
        if is_closed { Err(still_closed(relay)) } else { Ok(()) }
    }

    /// Opens the contact after `length`, or before the process ends: tries until the board takes it.
    async fn open_after(&self, length: Duration, relay: Relay) {
        self.lasting.wait(length).await;
        while self.open_contact(relay).await.is_err() && !self.lasting.wait(RETRY).await {}
    }

    /// Whether the board speaks in the other framing than was said.
    async fn speaks(&self, framing: Framing) -> bool {
        let Ok(mut connection) = self.connect(framing).await else { return false };
        connection.ask(Request::ReadCoils { first: 0, count: 1 }).await.is_ok()
    }
}

impl Connection {
    /// Asks, and waits for the answer to that. Whether the board has done anything if there is none, nobody knows.
    async fn ask(&mut self, request: Request) -> Result<Answer, ProviderError> {
        self.transaction = self.transaction.wrapping_add(1);
        let deadline = Instant::now() + self.timeout;
        let frame = request.encode(self.framing, self.transaction, self.unit);
        let lost = |_| unreachable("the connection broke");
        let late = |_| unreachable("no answer in time: is it set to this framing and this unit?");
        timeout_at(deadline, self.stream.write_all(&frame)).await.map_err(late)?.map_err(lost)?;
        let mut heard = Vec::with_capacity(FRAME_MAX);
        loop {
            match request.decode(self.framing, self.transaction, self.unit, &heard) {
                Heard::Answer(answer) => return Ok(answer),
                Heard::Incomplete if heard.len() < FRAME_MAX => {}
                Heard::Incomplete | Heard::Garbage => {
                    let reason = "what it answers is no answer to what it was asked";
                    return Err(ProviderError::new(ErrorKind::Malformed, reason));
                }
            }
            let read =
                timeout_at(deadline, self.stream.read_buf(&mut heard)).await.map_err(late)?.map_err(lost)?;
            if read == 0 {
                return Err(unreachable("the connection broke"));
            }
        }
    }

    async fn is_closed(&mut self, coil: u16, relay: Relay) -> Result<bool, ProviderError> {
        match self.ask(Request::ReadCoils { first: coil, count: 1 }).await? {
            Answer::Bits(bits) if bits.len() == 1 => Ok(bits[0]),
            Answer::Exception(NO_ADDRESS) => Err(no_relay(relay)),
            other => Err(other.unexpected()),
        }
    }

    async fn write(&mut self, address: u16, value: u16) -> Result<(), ProviderError> {
        let answer = self.ask(Request::WriteCoil { address, value }).await;
        match answer.map_err(ProviderError::with_unknown_outcome)? {
            Answer::Written => Ok(()),
            other => Err(other.unexpected()),
        }
    }
}

impl Answer {
    /// What it means where something else was asked for. An exception has no effect.
    fn unexpected(self) -> ProviderError {
        let (kind, reason) = match self {
            Self::Exception(NO_FUNCTION) => {
                (ErrorKind::Rejected, "it does not know what it was told".to_owned())
            }
            Self::Exception(NO_ADDRESS) => (ErrorKind::Rejected, "it has nothing at that address".to_owned()),
            Self::Exception(3) => (ErrorKind::Rejected, "it does not take the value".to_owned()),
            Self::Exception(5 | 6) => (ErrorKind::Unreachable, "it is busy".to_owned()),
            Self::Exception(code) => (ErrorKind::Unreachable, format!("it failed (Modbus exception {code})")),
            _ => (ErrorKind::Malformed, "its answer is of another kind".to_owned()),
        };
        ProviderError::new(kind, reason)
    }
}

fn unreachable(what: &str) -> ProviderError {
    ProviderError::new(ErrorKind::Unreachable, what)
}

#[async_trait]
impl Driver for Modbus {
    async fn describe(&self) -> Result<Description, ProviderError> {
        let mut connection = self.open().await?;
        let version = match connection.ask(Request::ReadRegisters { first: VERSION, count: 1 }).await {
            Ok(Answer::Registers(version)) => version.first().map(ToString::to_string).unwrap_or_default(),
            Ok(_) => String::new(),
            Err(error) => {
                drop(connection);
                let (other, name) = match self.board.framing {
                    Framing::Tcp => (Framing::Rtu, "rtu"),
                    Framing::Rtu => (Framing::Tcp, "tcp"),
                };
                if !self.speaks(other).await {
                    return Err(error);
                }
                let reason =
                    format!("it speaks in the other framing: list it with framing={name}, or set it up anew");
                return Err(ProviderError::new(ErrorKind::Rejected, reason));
            }
        };
        let mut relays = Vec::new();
        for relay in (1..=self.relays).filter_map(Relay::new) {
            relays.push(self.look(&mut connection, relay).await?);
        }
        Ok(Description { model: "Modbus".to_owned(), firmware: version, relays })
    }

    async fn read(&self, relay: Relay) -> Result<RelayState, ProviderError> {
        let mut connection = self.open().await?;
        self.look(&mut connection, relay).await
    }

    async fn close(&self, relay: Relay, wish: Wish) -> Result<Duration, ProviderError> {
        let mut connection = self.open().await?;
        let state = self.look(&mut connection, relay).await?;
        let (timing, length) = (state.timing.clone(), wish.length(state)?);
        let coil = self.coil(relay)?;
        if timing == Ok(Timing::Untimed) {
            // Whatever comes of closing it, and whoever waits for that, it is opened.
            let board = self.clone();
            self.lasting.begin(async move { board.open_after(length, relay).await });
            connection.write(coil, ON).await?;
        } else {
            let units = u16::try_from(length.as_millis() / UNIT.as_millis());
            let units = units
                .map_err(|_| ProviderError::new(ErrorKind::Rejected, "that is too long for the board"))?;
            connection.write(FLASH_ON + coil, units).await?;
        }
        Ok(length)
    }

    async fn release(&self, relay: Relay) -> Result<(), ProviderError> {
        self.open_contact(relay).await
    }
}
