//! Values that every service shares: ids, windows of time, hours of the week, zones, money, contact details, hosts.
//!
//! Pure: no IO, no clock of its own, no randomness of its own. A value that exists is valid; text
//! becomes a value through `parse`, which says what is wrong.

pub mod board;
pub mod clock;
pub mod contact;
pub mod host;
pub mod ids;
pub mod money;
pub mod names;
pub mod provider;
pub mod weekly_hours;
pub mod window;
pub mod zone;

pub use board::{
    BoardKeys, BoardKind, BoardList, BoardName, Framing, ListedBoard, ModbusBoard, RelayName, RelayTimer,
};
pub use clock::{Clock, SettableClock, SystemClock};
pub use host::{Fingerprint, Host, Port};
pub use ids::*;
pub use money::{Currency, Money, MoneyError, UnknownCurrency};
pub use provider::ProviderName;
pub use weekly_hours::{OtherDays, WeeklyHours, WeeklyHoursError, WeeklyInterval};
pub use window::Window;

/// A moment, UTC. Stored and compared with microsecond resolution, as Postgres has it.
pub type Timestamp = chrono::DateTime<chrono::Utc>;
