//! Relay boards, as operators list them: one a line, `NAME KIND HOST[:PORT] [SETTING=VALUE …]`; and their keys, one a
//! line, `NAME KEY`.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use crate::{Fingerprint, Host, Port};

/// So many boards can be listed.
const BOARDS_MAX: usize = 50;
const NAME_BYTES_MAX: usize = 40;
/// More relays than any board has.
const RELAYS_MAX: u16 = 64;

/// The relay boards of an account, in the order of their lines; names differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardList(Vec<ListedBoard>);

/// A relay board, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedBoard {
    /// What its relays are known by: never changed while doors are mapped to them.
    pub name: BoardName,
    /// What it is.
    pub kind: BoardKind,
    /// Its host.
    pub host: Host,
    /// Its port.
    pub port: Port,
    /// How many relays it has, as far as they are doors'.
    pub relays: u16,
}

/// A board's name: of lower case letters, digits and hyphens, at most 40.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BoardName(String);

/// What a board is, with what has to be known to call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BoardKind {
    /// Latchkey's own daemon at the door.
    Controller {
        /// Of the certificate that it shows.
        certificate: Fingerprint,
    },
    /// ESPHome's web server.
    EspHome {
        /// What its switches are called, in the order of its relays.
        switches: Vec<String>,
    },
    /// Modbus over TCP.
    Modbus(ModbusBoard),
    /// A Shelly of the second generation or later.
    Shelly,
    /// Tasmota.
    Tasmota,
}

/// What has to be known of a board that speaks Modbus: nothing there says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModbusBoard {
    /// How frames are wrapped.
    pub framing: Framing,
    /// Its unit.
    pub unit: u8,
    /// How its relays open again.
    pub timer: RelayTimer,
}

/// How frames of Modbus are wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// As Modbus TCP says.
    Tcp,
    /// As on a serial line, with a checksum.
    Rtu,
}

/// What opens a relay again after a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayTimer {
    /// The board, by its flash-on coil.
    Flash,
    /// Nothing at all, so that it is not used.
    Missing,
    /// Nothing but Latchkey. The operator accepts that a door stays open if that, or the network, fails.
    MissingAccepted,
}

/// A relay of a board: `BOARD/NUMBER`. Relays count from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelayName {
    /// The board.
    pub board: BoardName,
    /// Which of its relays.
    pub relay: NonZeroU16,
}

/// The text names no relay.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a board and the number of its relay, such as front/1")]
pub struct RelayNameError;

/// What boards ask for before they obey, by board: a password, a key, or a user and a password.
pub struct BoardKeys<'a>(BTreeMap<BoardName, &'a str>);

/// Why a list of keys can't be read. Names the line, and never repeats what stands there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must list the boards' keys, one a line, each behind its board's name: line {line} {problem}")]
pub struct BoardKeysError {
    line: usize,
    problem: &'static str,
}

/// Why a list of boards can't be read. Names the line, and never repeats what stands there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must list relay boards, one a line, such as \"front shelly 192.168.1.20\": {problem}")]
pub struct BoardListError {
    problem: String,
}

impl BoardList {
    /// The boards.
    pub fn iter(&self) -> impl Iterator<Item = &ListedBoard> {
        self.0.iter()
    }

    /// The board of that name.
    pub fn find(&self, name: &BoardName) -> Option<&ListedBoard> {
        self.0.iter().find(|board| board.name == *name)
    }
}

impl FromStr for BoardList {
    type Err = BoardListError;

    fn from_str(text: &str) -> Result<Self, BoardListError> {
        let mut boards: Vec<ListedBoard> = Vec::new();
        let lines = text.split(['\n', ';']).map(str::trim).enumerate();
        for (index, line) in lines.filter(|(_, line)| !line.is_empty()) {
            let wrong = |problem: &str| BoardListError { problem: format!("line {} {problem}", index + 1) };
            let board = board(line).map_err(|problem| wrong(&problem))?;
            if boards.iter().any(|other| other.name == board.name) {
                return Err(wrong("has the name of another board"));
            }
            if boards.len() >= BOARDS_MAX {
                return Err(wrong(&format!("is one too many: there can be {BOARDS_MAX}")));
            }
            boards.push(board);
        }
        if boards.is_empty() {
            return Err(BoardListError { problem: "there is none".to_owned() });
        }
        Ok(Self(boards))
    }
}

impl<'a> BoardKeys<'a> {
    /// Reads a list. A key is all that stands behind the name, blanks at its ends apart.
    pub fn read(text: &'a str) -> Result<Self, BoardKeysError> {
        let mut keys = BTreeMap::new();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let wrong = |problem| BoardKeysError { line: index + 1, problem };
            let (name, key) = line
                .trim()
                .split_once(char::is_whitespace)
                .ok_or_else(|| wrong("must have a name and a key"))?;
            let name = name.parse().map_err(|_| wrong("must begin with a board's name"))?;
            if key.chars().any(char::is_control) {
                return Err(wrong("must have a key without control characters"));
            }
            if keys.insert(name, key.trim()).is_some() {
                return Err(wrong("has the name of another line"));
            }
        }
        Ok(Self(keys))
    }

    /// The key of a board.
    pub fn of(&self, board: &BoardName) -> Option<&'a str> {
        self.0.get(board).copied()
    }

    /// Whose keys there are.
    pub fn boards(&self) -> impl Iterator<Item = &BoardName> {
        self.0.keys()
    }
}

/// The boards alone.
impl fmt::Debug for BoardKeys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn board(line: &str) -> Result<ListedBoard, String> {
    let mut words = line.split_whitespace();
    let (Some(name), Some(kind), Some(address)) = (words.next(), words.next(), words.next()) else {
        return Err("must have a name, a kind and a host".to_owned());
    };
    let mut settings = Settings::of(words)?;
    let (kind, port, relays) = match kind {
        "controller" => {
            let certificate = settings.required("certificate")?;
            (BoardKind::Controller { certificate }, "7443", settings.relays(1)?)
        }
        "esphome" => {
            let switches: String = settings.required("switches")?;
            // Blanks end words, so they are written as in URLs.
            let switches: Vec<String> = switches.split(',').map(|name| name.replace("%20", " ")).collect();
            let relays = u16::try_from(switches.len()).ok().filter(|relays| *relays <= RELAYS_MAX);
            let relays = relays.ok_or_else(|| format!("must have at most {RELAYS_MAX} switches"))?;
            (BoardKind::EspHome { switches }, "80", relays)
        }
        "modbus" => (BoardKind::Modbus(modbus(&mut settings)?), "502", settings.relays(8)?),
        "shelly" => (BoardKind::Shelly, "80", settings.relays(1)?),
        "tasmota" => (BoardKind::Tasmota, "80", settings.relays(1)?),
        _ => return Err("must name a kind: controller, esphome, modbus, shelly or tasmota".to_owned()),
    };
    settings.finish()?;
    let (host, port) = host_and_port(address, port)?;
    Ok(ListedBoard { name: name.parse()?, kind, host, port, relays })
}

fn modbus(settings: &mut Settings<'_>) -> Result<ModbusBoard, String> {
    let framing = match settings.take("framing") {
        None | Some("tcp") => Framing::Tcp,
        Some("rtu") => Framing::Rtu,
        Some(_) => return Err("must have framing=tcp or framing=rtu".to_owned()),
    };
    let timer = match (settings.take("timer"), settings.take("accept")) {
        (None | Some("flash"), None) => RelayTimer::Flash,
        (Some("none"), None) => RelayTimer::Missing,
        (Some("none"), Some("no-timer")) => RelayTimer::MissingAccepted,
        _ => return Err("must have timer=flash, timer=none, or timer=none accept=no-timer".to_owned()),
    };
    let unit = settings.number("unit", 1, 1..=247)?;
    Ok(ModbusBoard { framing, unit: unit.to_be_bytes()[1], timer })
}

/// `host`, `host:port`, `[v6]:port` or a bare address of version 6.
fn host_and_port(address: &str, usual: &str) -> Result<(Host, Port), String> {
    let (host, port) = match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, usual),
        Some((host, port)) => (host, port.strip_prefix(':').ok_or("must have a colon before the port")?),
        None if address.matches(':').count() == 1 => address.split_once(':').unwrap_or((address, usual)),
        None => (address, usual),
    };
    let host = host.parse().map_err(|error| format!("has a host that {error}"))?;
    let port = port.parse().map_err(|error| format!("has a port that {error}"))?;
    Ok((host, port))
}

/// What stands behind the host.
struct Settings<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Settings<'a> {
    fn of(words: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut settings = BTreeMap::new();
        for word in words {
            let (name, value) = word.split_once('=').ok_or("must have settings as NAME=VALUE")?;
            if settings.insert(name, value).is_some() {
                return Err("has a setting twice".to_owned());
            }
        }
        Ok(Self(settings))
    }

    fn take(&mut self, name: &str) -> Option<&'a str> {
        self.0.remove(name).filter(|value| !value.is_empty())
    }

    fn required<T: FromStr<Err: fmt::Display>>(&mut self, name: &str) -> Result<T, String> {
        let value = self.take(name).ok_or_else(|| format!("must have {name}="))?;
        value.parse().map_err(|error| format!("has a {name} that {error}"))
    }

    fn number(
        &mut self,
        name: &str,
        usual: u16,
        range: std::ops::RangeInclusive<u16>,
    ) -> Result<u16, String> {
        let Some(text) = self.take(name) else { return Ok(usual) };
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| format!("must have {name}= from {} to {}", range.start(), range.end()))
    }

    fn relays(&mut self, usual: u16) -> Result<u16, String> {
        self.number("relays", usual, 1..=RELAYS_MAX)
    }

    /// Nothing is left that nobody knows.
    fn finish(self) -> Result<(), String> {
        if self.0.is_empty() { Ok(()) } else { Err("has a setting that its kind does not have".to_owned()) }
    }
}

impl FromStr for BoardName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_letter) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "must have a name of lower case letters, digits and hyphens, at most {NAME_BYTES_MAX}"
            ))
        }
    }
}

impl fmt::Display for BoardName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RelayName {
    type Err = RelayNameError;

    fn from_str(text: &str) -> Result<Self, RelayNameError> {
        let (board, relay) = text.split_once('/').ok_or(RelayNameError)?;
        let board = board.parse().map_err(|_| RelayNameError)?;
        // One text for one relay.
        let is_plain = relay.bytes().all(|byte| byte.is_ascii_digit()) && !relay.starts_with('0');
        let relay: Option<NonZeroU16> = relay.parse().ok().filter(|_| is_plain);
        let relay = relay.filter(|relay| relay.get() <= RELAYS_MAX).ok_or(RelayNameError)?;
        Ok(Self { board, relay })
    }
}

impl fmt::Display for RelayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.board, self.relay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> ListedBoard {
        line.parse::<BoardList>().unwrap().0.remove(0)
    }

    #[test]
    fn each_kind_is_read_with_its_usual_settings() {
        let front = one("front shelly 192.168.1.20");
        assert_eq!(
            (front.name.to_string(), front.kind, front.port.number()),
            ("front".into(), BoardKind::Shelly, 80)
        );
        let gate = one("gate modbus 192.168.1.21");
        let usual = ModbusBoard { framing: Framing::Tcp, unit: 1, timer: RelayTimer::Flash };
        assert_eq!((gate.kind, gate.port.number(), gate.relays), (BoardKind::Modbus(usual), 502, 8));
        let said = one("gate modbus relay.lan:4196 framing=rtu unit=3 relays=16 timer=none accept=no-timer");
        let expected = ModbusBoard { framing: Framing::Rtu, unit: 3, timer: RelayTimer::MissingAccepted };
        assert_eq!((said.kind, said.port.number(), said.relays), (BoardKind::Modbus(expected), 4196, 16));
        let node = one("yard esphome [2001:db8::7]:81 switches=Door%201,Gate");
        assert_eq!(node.kind, BoardKind::EspHome { switches: vec!["Door 1".into(), "Gate".into()] });
        let certificate = "ab".repeat(32);
        let daemon = one(&format!("hall controller hall.lan relays=2 certificate={certificate}"));
        let expected = BoardKind::Controller { certificate: certificate.parse().unwrap() };
        assert_eq!((daemon.kind, daemon.port.number(), daemon.relays), (expected, 7443, 2));
        assert_eq!((front.relays, one("front shelly 10.0.0.1 relays=4").relays, node.relays), (1, 4, 2));
        assert_eq!((node.host.to_string(), node.port.number()), ("2001:db8::7".into(), 81));
        assert_eq!(one("yard tasmota 2001:db8::7").host.to_string(), "2001:db8::7");
    }

    #[test]
    fn several_lines_are_several_boards() {
        for text in ["a shelly 10.0.0.1\n\n  b tasmota 10.0.0.2  \n", "a shelly 10.0.0.1; b tasmota 10.0.0.2"]
        {
            let boards: BoardList = text.parse().unwrap();
            assert_eq!(boards.iter().map(|board| board.name.to_string()).collect::<Vec<_>>(), ["a", "b"]);
            let find = |name: &str| boards.find(&name.parse().unwrap());
            assert!(find("b").is_some() && find("c").is_none());
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line_and_never_repeated() {
        for (text, problem) in [
            ("", "there is none"),
            ("front shelly", "line 1 must have a name, a kind and a host"),
            ("a shelly 10.0.0.1\nhidden toaster 10.0.0.2", "line 2 must name a kind"),
            ("a shelly 10.0.0.1\na shelly 10.0.0.2", "line 2 has the name of another board"),
            ("Hidden shelly 10.0.0.1", "line 1 must have a name of lower case letters"),
            ("a shelly hidden_host", "line 1 has a host that must be a host name"),
            ("a shelly 10.0.0.1:0", "line 1 has a port that must be a number"),
            ("a shelly 10.0.0.1 hidden=1", "line 1 has a setting that its kind does not have"),
            ("a shelly 10.0.0.1 hidden", "line 1 must have settings as NAME=VALUE"),
            ("a modbus 10.0.0.1 unit=1 unit=2", "line 1 has a setting twice"),
            ("a modbus 10.0.0.1 framing=hidden", "line 1 must have framing=tcp"),
            ("a modbus 10.0.0.1 unit=0", "line 1 must have unit= from 1 to 247"),
            ("a modbus 10.0.0.1 relays=65", "line 1 must have relays= from 1 to 64"),
            ("a modbus 10.0.0.1 timer=flash accept=no-timer", "line 1 must have timer=flash"),
            ("a modbus 10.0.0.1 accept=no-timer", "line 1 must have timer=flash"),
            ("a esphome 10.0.0.1", "line 1 must have switches="),
            ("a controller 10.0.0.1", "line 1 must have certificate="),
            ("a controller 10.0.0.1 certificate=hidden", "line 1 has a certificate that must be the SHA-256"),
        ] {
            let error = text.parse::<BoardList>().unwrap_err().to_string();
            assert!(error.contains(problem), "{text:?}: {error}");
            assert!(!error.to_lowercase().contains("hidden"), "{error}");
        }
    }

    #[test]
    fn a_relay_is_named_in_one_way_only() {
        for text in ["front/1", "a-9/64"] {
            assert_eq!(text.parse::<RelayName>().unwrap().to_string(), text);
        }
        for text in
            ["", "front", "front/", "/1", "front/0", "front/01", "front/+1", "front/65", "front/1/1", "F/1"]
        {
            assert_eq!(text.parse::<RelayName>(), Err(RelayNameError), "{text}");
        }
    }

    #[test]
    fn keys_are_read_by_board_and_never_shown() {
        let keys = BoardKeys::read("front hidden; word\n\n  yard\tadmin:hidden  ").unwrap();
        assert_eq!(keys.of(&"front".parse().unwrap()), Some("hidden; word"));
        assert_eq!(keys.of(&"yard".parse().unwrap()), Some("admin:hidden"));
        assert_eq!(keys.of(&"gate".parse().unwrap()), None);
        assert!(!format!("{keys:?}").contains("hidden"));
        for (text, problem) in [
            ("hidden", "line 1 must have a name and a key"),
            ("a x\nHidden x", "line 2 must begin with a board's name"),
            ("a hidden\na hidden", "line 2 has the name of another line"),
            ("a hid\u{7}den", "line 1 must have a key without control characters"),
        ] {
            let error = BoardKeys::read(text).unwrap_err().to_string();
            assert!(error.contains(problem) && !error.to_lowercase().contains("hidden"), "{error}");
        }
    }
}
