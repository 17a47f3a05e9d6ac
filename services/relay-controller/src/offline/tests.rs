//! What holds of the offline list.

use chrono::TimeDelta;
use data_encoding::HEXLOWER;
use ring::hmac;
use serde_json::{Value, json};

use super::*;
use crate::clock::SettableClock;
use crate::disk::cut::{CutDisk, cuts};

const CONTROLLER: &str = "rc_test";
const SALT: [u8; 16] = [7; 16];

fn noon() -> DateTime<Utc> {
    "2026-12-01T12:00:00Z".parse().unwrap()
}

struct World {
    disk: CutDisk,
    clock: Arc<SettableClock>,
    key: Arc<ApiKey>,
    text: String,
}

impl World {
    fn new() -> Self {
        let (text, key) = ApiKey::make();
        let clock = Arc::new(SettableClock::at(noon()));
        Self { disk: CutDisk::default(), clock, key: Arc::new(key), text: text.0 }
    }

    fn pins(&self) -> Pins {
        let key = Some(self.key.clone());
        Pins::load(self.disk.clone(), CONTROLLER, key, self.clock.clone(), 3).unwrap()
    }

    fn sign(&self, list: &Value) -> Signed {
        let list = list.to_string();
        let list_key =
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, self.text.as_bytes()), b"latchkey offline list v1");
        let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, list_key.as_ref()), list.as_bytes());
        Signed { mac: HEXLOWER.encode(mac.as_ref()), list }
    }
}

fn list(version: u64, pins: &[Value]) -> Value {
    json!({
        "controller": CONTROLLER, "version": version, "issued_at": noon(),
        "valid_until": noon() + TimeDelta::hours(48),
        "salt": HEXLOWER.encode(&SALT), "iterations": 10_000, "pins": pins,
    })
}

fn pin(id: &str, pin: &str, channels: &[u16], from_minutes: i64, to_minutes: i64) -> Value {
    let hash = hash_pin(pin, &SALT, NonZeroU32::new(10_000).unwrap());
    json!({
        "id": id, "hash": HEXLOWER.encode(&hash), "channels": channels,
        "starts_at": noon() + TimeDelta::minutes(from_minutes),
        "ends_at": noon() + TimeDelta::minutes(to_minutes),
    })
}

fn channel(number: u16) -> ChannelNumber {
    ChannelNumber::of(number, 3).unwrap()
}

fn at(minutes: i64) -> Option<DateTime<Utc>> {
    Some(noon() + TimeDelta::minutes(minutes))
}

#[test]
fn a_pin_opens_its_channels_in_its_window_and_nothing_else() {
    let world = World::new();
    let pins = world.pins();
    pins.take(&world.sign(&list(1, &[pin("ada", "123456", &[1, 2], 60, 120)]))).unwrap();
    for (number, entered, now, said) in [
        (1, "123456", at(59), Err(NoEntry::PinNotNow)),
        (1, "123456", at(60), Ok("ada")),
        (2, "123456", at(119), Ok("ada")),
        (1, "123456", at(120), Err(NoEntry::PinNotNow)),
        (3, "123456", at(60), Err(NoEntry::PinNotHere)),
        (1, "0123456", at(60), Err(NoEntry::PinWrong)),
        (1, "12345", at(60), Err(NoEntry::PinWrong)),
        (1, "", at(60), Err(NoEntry::PinWrong)),
        (1, "123456", None, Err(NoEntry::ClockUnsure)),
        (1, "123456", at(-10), Err(NoEntry::ClockUnsure)),
        (1, "123456", at(48 * 60), Err(NoEntry::ListExpired)),
    ] {
        assert_eq!(
            pins.try_pin(channel(number), entered, now).as_deref(),
            said.as_deref(),
            "{entered} {now:?}"
        );
    }
}

#[test]
fn of_two_with_one_pin_whoever_may_opens() {
    let world = World::new();
    let pins = world.pins();
    let both = [pin("ada", "4711", &[1], 60, 120), pin("grace", "4711", &[2], 0, 60)];
    pins.take(&world.sign(&list(1, &both))).unwrap();
    assert_eq!(pins.try_pin(channel(2), "4711", at(1)), Ok("grace".into()));
    assert_eq!(pins.try_pin(channel(1), "4711", at(60)), Ok("ada".into()));
    assert_eq!(pins.try_pin(channel(1), "4711", at(1)), Err(NoEntry::PinNotNow));
}

#[test]
fn guesses_at_a_channel_end_soon_and_right_pins_never_count() {
    let world = World::new();
    let pins = world.pins();
    pins.take(&world.sign(&list(1, &[pin("ada", "123456", &[1, 2], 0, 120)]))).unwrap();
    for _ in 0..20 {
        pins.try_pin(channel(1), "123456", at(1)).unwrap();
    }
    for _ in 0..5 {
        assert_eq!(pins.try_pin(channel(1), "000000", at(1)), Err(NoEntry::PinWrong));
    }
    assert_eq!(pins.try_pin(channel(1), "123456", at(1)), Err(NoEntry::TooManyWrongPins));
    assert_eq!(pins.try_pin(channel(2), "123456", at(1)), Ok("ada".into()));
    world.clock.advance(WRONG_EACH);
    assert_eq!(pins.try_pin(channel(1), "123456", at(2)), Ok("ada".into()));
}

#[test]
fn only_lists_of_whoever_has_the_key_are_taken_and_only_for_this_controller() {
    let world = World::new();
    let pins = world.pins();
    let good = world.sign(&list(1, &[]));
    let changed = Signed { list: good.list.replace("\"version\":1", "\"version\":2"), ..good.clone() };
    assert!(matches!(pins.take(&changed), Err(NotTaken::MacWrong)));
    assert!(matches!(pins.take(&World::new().sign(&list(1, &[]))), Err(NotTaken::MacWrong)));
    let mut other = list(1, &[]);
    other["controller"] = "rc_other".into();
    assert!(matches!(pins.take(&world.sign(&other)), Err(NotTaken::ForAnotherController(_))));
    assert!(pins.list().is_none());
    pins.take(&good).unwrap();
}

#[test]
fn an_older_list_never_comes_back() {
    let world = World::new();
    let pins = world.pins();
    let (first, second) = (world.sign(&list(1, &[])), world.sign(&list(2, &[])));
    pins.take(&first).unwrap();
    pins.take(&second).unwrap();
    assert!(matches!(pins.take(&first), Err(NotTaken::Outdated { has: 2 })));
    let another = world.sign(&list(2, &[pin("ada", "4711", &[1], 0, 1)]));
    assert!(matches!(pins.take(&another), Err(NotTaken::Outdated { has: 2 })));
    assert_eq!(pins.take(&second).unwrap().version, 2, "the same one again");
    assert!(matches!(world.pins().take(&first), Err(NotTaken::Outdated { has: 2 })), "after a restart, too");
}

#[test]
fn lists_out_of_bounds_are_refused_and_say_where() {
    let world = World::new();
    let mut cases = Vec::new();
    for (field, value) in [
        ("valid_until", json!(noon() + TimeDelta::hours(73))),
        ("valid_until", json!(noon())),
        ("issued_at", json!("-262143-01-01T00:00:00Z")),
        ("salt", json!("00")),
        ("iterations", json!(1)),
        ("iterations", json!(2_000_000)),
        ("version", json!(-1)),
        ("unknown", json!(1)),
    ] {
        let mut list = list(1, &[]);
        list[field] = value;
        cases.push((field, list));
    }
    for (field, value) in [("hash", json!("00")), ("id", json!("")), ("ends_at", json!(noon()))] {
        let mut pin = pin("ada", "4711", &[1], 0, 1);
        pin[field] = value;
        cases.push((field, list(1, &[pin])));
    }
    for (field, list) in cases {
        let error = world.pins().take(&world.sign(&list)).unwrap_err();
        let text = error.to_string();
        assert!(
            error.reason() == "LIST_INVALID" && (field == "version" || text.contains(field)),
            "{field}: {text}"
        );
    }
}

#[test]
fn a_cut_at_any_point_leaves_the_old_or_the_new_list_and_the_new_one_if_it_was_taken() {
    let world = World::new();
    let (first, second) = (world.sign(&list(1, &[])), world.sign(&list(2, &[])));
    for steps in 0..6 {
        for cut in cuts() {
            let disk = CutDisk::default();
            let pins = |disk: &CutDisk| {
                let key = Some(world.key.clone());
                Pins::load(disk.clone(), CONTROLLER, key, world.clock.clone(), 3).unwrap()
            };
            let before = pins(&disk);
            before.take(&first).unwrap();
            disk.cut_after(steps);
            let was_taken = before.take(&second).is_ok();
            let version = pins(&disk.after(cut)).list().unwrap().version;
            assert!(version == 2 || (version == 1 && !was_taken), "{steps} steps, {cut:?}");
        }
    }
}

#[test]
fn a_saved_list_that_somebody_changed_is_not_taken() {
    let world = World::new();
    world.pins().take(&world.sign(&list(1, &[]))).unwrap();
    let saved = String::from_utf8(world.disk.read(FILE).unwrap().unwrap()).unwrap();
    world.disk.write(FILE, saved.replace(CONTROLLER, "rc_TEST").as_bytes()).unwrap();
    assert!(world.pins().list().is_none());
}

#[test]
fn hashes_are_those_of_pbkdf2() {
    let hash = hash_pin("passwd", b"salt", NonZeroU32::MIN);
    assert!(HEXLOWER.encode(&hash).starts_with("55ac046e56e3089fec1691c22544b605"), "RFC 7914, section 11");
}
