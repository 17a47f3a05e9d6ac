use std::collections::BTreeSet;

use chrono::{Datelike as _, NaiveDate, Timelike as _, Weekday};
use chrono_tz::Tz;
use domain::{WeeklyHours, WeeklyInterval};
use proptest::prelude::*;

use super::*;

const HOUR: Span = Span::from_secs(3_600);
const DAY: Span = Span::from_secs(24 * 3_600);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// So many minutes after a Tuesday's 08:00 UTC.
fn minute(minutes: i64) -> Timestamp {
    at("2026-12-01T08:00:00Z") + Duration::minutes(minutes)
}

fn window(start: i64, end: i64) -> Window {
    Window::new(minute(start), minute(end)).unwrap()
}

fn weekly(intervals: &[(Weekday, u16, u16)]) -> WeeklyHours {
    let interval = |&(day, start, end)| WeeklyInterval { day, start, end };
    WeeklyHours::new(intervals.iter().map(interval).collect()).unwrap()
}

fn door(zone: Tz, intervals: &[(Weekday, u16, u16)]) -> DoorHours {
    DoorHours { hours: Hours { weekly: weekly(intervals), zone }, others: OtherDays::new() }
}

/// Tuesdays from 07:00 until 17:00 UTC: an hour before minute 0, and nine after.
fn day_time() -> DoorHours {
    door(Tz::UTC, &[(Weekday::Tue, 420, 1_020)])
}

fn held(at: i64, until: i64) -> Option<Manual> {
    Some(Manual { at: minute(at), act: Act::Hold(minute(until)) })
}

fn locked(at: i64) -> Option<Manual> {
    Some(Manual { at: minute(at), act: Act::Lock })
}

#[test]
fn what_comes_first_decides_of_every_pair() {
    let hours = day_time();
    // By rule: what makes it count at minute 0, and until when it does by itself.
    let manual = |rule| match rule {
        Rule::ManualHold => held(-10, 30),
        Rule::ManualLock => locked(-10),
        _ => None,
    };
    let rules =
        [Rule::Lockdown, Rule::ManualHold, Rule::ManualLock, Rule::Booking, Rule::Hours, Rule::Nothing];
    let mut seen = 0;
    for (number, &one) in rules.iter().enumerate() {
        for &other in &rules[number..] {
            let both = [one, other];
            if both == [Rule::ManualHold, Rule::ManualLock] {
                // The later one of them is the only one.
                continue;
            }
            let has = |rule| both.contains(&rule);
            // A lock is one of something that is held open.
            let has_hours = has(Rule::Hours) || has(Rule::ManualLock) && !has(Rule::Booking);
            let booking = has(Rule::Booking).then(|| window(-60, 60));
            let influences = Influences::new(
                minute(0),
                has_hours.then_some(&hours),
                booking,
                manual(one).or(manual(other)),
                has(Rule::Lockdown),
            );
            let Should { rule, until } = influences.should(minute(0));
            assert_eq!(rule, one.min(other), "{one:?} and {other:?}");
            let expected = match rule {
                Rule::Lockdown | Rule::Nothing => None,
                Rule::ManualHold => Some(minute(30)),
                Rule::ManualLock if booking.is_none() => Some(minute(540)),
                Rule::ManualLock | Rule::Booking => Some(minute(60)),
                Rule::Hours => Some(minute(540)),
            };
            assert_eq!(until, expected, "{one:?} and {other:?}");
            assert_eq!(
                rule.unlocks(),
                matches!(rule, Rule::ManualHold | Rule::Booking | Rule::Hours),
                "{rule:?}"
            );
            seen += 1;
        }
    }
    assert_eq!(seen, 20, "six with themselves and each other, but for one");
}

#[test]
fn what_someone_does_by_hand_ends() {
    let hours = day_time();
    let rule_at = |manual, moment: i64| {
        Influences::new(minute(moment), Some(&hours), None, manual, false).should(minute(moment))
    };
    let rules = |manual, moments: &[i64]| -> Vec<Rule> {
        moments.iter().map(|&moment| rule_at(manual, moment).rule).collect()
    };
    use Rule::{Hours, ManualHold, ManualLock, Nothing};
    assert_eq!(rules(held(500, 560), &[500, 559, 560]), [ManualHold, ManualHold, Nothing]);
    assert_eq!(rules(held(0, 10), &[9, 10]), [ManualHold, Hours], "the hours come back");
    // 539 is the last minute of the hours; a week later there are others.
    let week = 7 * 1_440;
    assert_eq!(
        rules(locked(100), &[100, 539, 540, week - 61, week - 60]),
        [ManualLock, ManualLock, Nothing, Nothing, Hours]
    );
    assert_eq!(rules(locked(-70), &[-60]), [Hours], "it was locked when nothing held it open");
    let always: Vec<_> = (0..7).map(|day| (Weekday::try_from(day).unwrap(), 0, 1_440)).collect();
    let always = door(Tz::UTC, &always);
    let month = minute(30 * 1_440);
    let influences = Influences::new(month, Some(&always), None, locked(0), false);
    assert_eq!(influences.should(month), Should { rule: ManualLock, until: None });
}

#[test]
fn a_booking_holds_the_door_while_it_lasts_and_hands_it_on() {
    let hours = door(Tz::UTC, &[(Weekday::Tue, 540, 600)]);
    let bookings = [window(30, 60), window(120, 180), window(180, 240)];
    let influences = Influences::new(minute(0), Some(&hours), bookings, None, false);
    let mut states = Vec::new();
    let mut moment = Some(minute(0));
    while let Some(now) = moment {
        let Should { rule, until } = influences.should(now);
        states.push(((now - minute(0)).num_minutes(), rule));
        moment = until;
    }
    use Rule::{Booking, Hours, Nothing};
    let week = 7 * 1_440 + 60;
    assert_eq!(
        states,
        [
            (0, Nothing),
            (30, Booking),
            (60, Hours),
            (120, Booking),
            (240, Nothing),
            (week, Hours),
            (week + 60, Nothing),
        ]
    );
}

#[test]
fn on_holidays_other_hours_count_or_none() {
    let mut door = door(Tz::Europe__Vienna, &[(Weekday::Thu, 1_320, 120), (Weekday::Fri, 480, 1_080)]);
    let friday: NaiveDate = "2026-12-25".parse().unwrap();
    let unlocked = |door: &DoorHours| -> Vec<String> {
        let now = at("2026-12-24T12:00:00Z");
        let influences = Influences::new(now, Some(door), None, None, false);
        let text = |time: Timestamp| time.format("%d %H:%M").to_string();
        influences.hours.iter().map(|it| format!("{} to {}", text(it.start()), text(it.end()))).collect()
    };
    // The night from Thursday on goes on to its end.
    let (thursday, next) = ("24 21:00 to 25 01:00", "31 21:00 to 01 01:00");
    assert_eq!(unlocked(&door), [thursday, "25 07:00 to 25 17:00", next, "01 07:00 to 01 12:00"]);
    door.others.insert(friday, None);
    assert_eq!(unlocked(&door), [thursday, next, "01 07:00 to 01 12:00"]);
    door.others.insert(friday, Some(weekly(&[(Weekday::Fri, 600, 720), (Weekday::Fri, 1_380, 60)])));
    assert_eq!(
        unlocked(&door),
        [thursday, "25 09:00 to 25 11:00", "25 22:00 to 26 00:00", next, "01 07:00 to 01 12:00"]
    );
}

#[test]
fn in_the_nights_in_which_clocks_change_a_door_opens_and_closes_as_they_show() {
    use Weekday::{Sat, Sun};
    let across = &[(Sat, 1_320, 240)][..];
    let within = &[(Sun, 150, 240)][..];
    // Zone, Saturday's noon, hours; when the door opens and closes, in UTC.
    let cases = [
        (Tz::Europe__Vienna, "2026-03-28", across, "28 21:00", "29 02:00"),
        (Tz::Europe__Vienna, "2026-10-24", across, "24 20:00", "25 03:00"),
        (Tz::Europe__Vienna, "2026-03-28", within, "29 01:00", "29 02:00"),
        (Tz::Europe__Vienna, "2026-10-24", within, "25 00:30", "25 03:00"),
        (Tz::America__New_York, "2026-03-07", across, "08 03:00", "08 08:00"),
        (Tz::America__New_York, "2026-10-31", across, "01 02:00", "01 09:00"),
        (Tz::America__New_York, "2026-03-07", within, "08 07:00", "08 08:00"),
        (Tz::America__New_York, "2026-10-31", within, "01 07:30", "01 09:00"),
        // By half an hour: from 02:00 to 02:30, and from 02:00 back to 01:30.
        (Tz::Australia__Lord_Howe, "2026-10-03", across, "03 11:30", "03 17:00"),
        (Tz::Australia__Lord_Howe, "2026-04-04", across, "04 11:00", "04 17:30"),
        (Tz::Australia__Lord_Howe, "2026-10-03", within, "03 15:30", "03 17:00"),
        (Tz::Australia__Lord_Howe, "2026-04-04", within, "04 16:00", "04 17:30"),
        // At midnight itself: from 00:00 to 01:00, and from 01:00 back to 00:00.
        (Tz::America__Havana, "2026-03-07", across, "08 03:00", "08 08:00"),
        (Tz::America__Havana, "2026-10-31", across, "01 02:00", "01 09:00"),
    ];
    for (zone, saturday, intervals, opens, closes) in cases {
        let noon: NaiveDate = saturday.parse().unwrap();
        let now = domain::zone::resolve(zone, noon.and_hms_opt(12, 0, 0).unwrap());
        let door = door(zone, intervals);
        let text = |time: Option<Timestamp>| time.unwrap().format("%d %H:%M").to_string();
        let influences = Influences::new(now, Some(&door), None, None, false);
        let closed = influences.should(now);
        let open = influences.should(closed.until.unwrap());
        assert_eq!((closed.rule, open.rule), (Rule::Nothing, Rule::Hours));
        assert_eq!(
            (text(closed.until), text(open.until)),
            (opens.into(), closes.into()),
            "{zone} {saturday}"
        );
    }
}

fn told(act: Act, is_ours: bool) -> Option<Told> {
    Some(Told { act, is_ours, is_doubtful: false })
}

fn doubted(told: Option<Told>) -> Option<Told> {
    told.map(|told| Told { is_doubtful: true, ..told })
}

#[test]
fn a_door_is_told_what_it_should_be_and_nothing_that_it_is_already() {
    let hold = |until| Act::Hold(minute(until));
    let (open, by_hand) = (None, held(-10, 30));
    let order = |manual, told, hold_max, now: i64| {
        let hours = day_time();
        let influences = Influences::new(minute(now), Some(&hours), None, manual, false);
        let (order, next) = decide(&influences, minute(now), told, hold_max);
        (order.map(|order| order.act), next.map(|next| (next - minute(0)).num_minutes()))
    };
    let week = 7 * 1_440;
    let cases = [
        // Within the hours, which end at 540.
        (open, None, DAY, 0, Some(hold(540)), Some(540)),
        (open, told(hold(540), true), DAY, 0, None, Some(540)),
        (open, told(hold(541), true), DAY, 0, None, Some(540)),
        (open, told(hold(542), true), DAY, 0, Some(hold(540)), Some(540)),
        (open, told(Act::Lock, false), DAY, 0, Some(hold(540)), Some(540)),
        (open, doubted(told(hold(540), true)), DAY, 0, Some(hold(540)), Some(540)),
        // By leases of an hour, which are renewed when half of them is over.
        (open, None, HOUR, 0, Some(hold(60)), Some(30)),
        (open, told(hold(60), true), HOUR, 29, None, Some(30)),
        (open, told(hold(60), true), HOUR, 30, Some(hold(90)), Some(60)),
        (open, told(hold(30), true), HOUR, 60, Some(hold(120)), Some(90)),
        (open, told(hold(540), true), HOUR, 530, None, Some(540)),
        // By hand: there is nothing to tell until the hours have it, without a seam.
        (by_hand, told(hold(30), false), HOUR, -10, None, Some(0)),
        (by_hand, told(hold(30), false), HOUR, 0, Some(hold(60)), Some(30)),
        (locked(10), told(Act::Lock, false), DAY, 10, None, Some(540)),
        (locked(10), told(hold(540), true), DAY, 10, Some(Act::Lock), Some(540)),
        // After them.
        (open, told(hold(540), true), DAY, 540, Some(Act::Lock), Some(week - 60)),
        (open, told(Act::Lock, true), DAY, 540, None, Some(week - 60)),
        (open, doubted(told(Act::Lock, true)), DAY, 540, Some(Act::Lock), Some(week - 60)),
        (open, told(hold(540), false), DAY, 540, None, Some(week - 60)),
        (open, told(hold(600), false), DAY, 600, None, Some(week - 60)),
        (open, None, DAY, 540, None, Some(week - 60)),
        (held(540, 600), told(hold(600), false), DAY, 540, None, Some(600)),
    ];
    for (number, (manual, told, hold_max, now, expected, next)) in cases.into_iter().enumerate() {
        assert_eq!(order(manual, told, hold_max, now), (expected, next), "case {number}");
    }
    let hours = day_time();
    let down = Influences::new(minute(0), Some(&hours), None, None, true);
    for told in [None, told(Act::Lock, true), told(hold(540), true)] {
        assert_eq!(decide(&down, minute(0), told, DAY), (None, None), "a lockdown is told by itself");
    }
}

/// Zones that change by an hour, by half an hour, at midnight, and never, with moments about which they change.
const PLACES: [(Tz, &str); 7] = [
    (Tz::Europe__Vienna, "2026-03-29T01:00:00Z"),
    (Tz::Europe__Vienna, "2026-10-25T01:00:00Z"),
    (Tz::America__New_York, "2026-11-01T06:00:00Z"),
    (Tz::Australia__Lord_Howe, "2026-04-04T15:00:00Z"),
    (Tz::America__Havana, "2026-03-08T05:00:00Z"),
    (Tz::America__Havana, "2026-11-01T05:00:00Z"),
    (Tz::Asia__Kathmandu, "2026-07-01T00:00:00Z"),
];

/// What a test makes up.
#[derive(Debug, Clone)]
struct Made {
    door: Option<DoorHours>,
    bookings: Vec<Window>,
    manual: Option<Manual>,
    is_locked_down: bool,
    start: Timestamp,
}

impl Made {
    fn influences(&self, now: Timestamp) -> Influences {
        let (door, bookings) = (self.door.as_ref(), self.bookings.iter().copied());
        Influences::new(now, door, bookings, self.manual, self.is_locked_down)
    }
}

fn made() -> impl Strategy<Value = Made> {
    let interval = (0u8..7, 0u16..1_440, 1u16..=1_440);
    let other = (0i64..5, prop::option::of((0u16..1_440, 1u16..=1_440)));
    (
        0..PLACES.len(),
        prop::collection::vec(interval, 0..5),
        prop::collection::vec(other, 0..3),
        prop::collection::vec((-600i64..3_000, 1i64..600), 0..4),
        prop::option::of((0i64..2_000, prop::option::of(1i64..2_500))),
        prop::bool::weighted(0.1),
        0i64..2_000,
    )
        .prop_map(|(place, intervals, others, bookings, manual, is_locked_down, before)| {
            let (zone, about) = PLACES[place];
            let start = at(about) - Duration::minutes(before);
            let first = start.with_timezone(&zone).date_naive() - chrono::Days::new(1);
            let interval = |day, start, end| WeeklyInterval { day, start, end };
            let intervals =
                intervals.iter().map(|&(day, start, end)| interval(day.try_into().unwrap(), start, end));
            let others = others.iter().filter_map(|&(day, hours)| {
                let date = first + Duration::days(day);
                let hours = match hours {
                    Some((start, end)) => {
                        Some(WeeklyHours::new(vec![interval(date.weekday(), start, end)]).ok()?)
                    }
                    None => None,
                };
                Some((date, hours))
            });
            let others: OtherDays = others.collect();
            let weekly = WeeklyHours::new(intervals.collect()).ok();
            let after = |minutes| start + Duration::minutes(minutes);
            Made {
                door: weekly.map(|weekly| DoorHours { hours: Hours { weekly, zone }, others }),
                bookings: bookings
                    .iter()
                    .map(|&(begin, length)| Window::new(after(begin), after(begin + length)).unwrap())
                    .collect(),
                manual: manual.map(|(before, length)| {
                    let at = after(-before);
                    let until = length.map(|length| at + Duration::minutes(length));
                    Manual { at, act: until.map_or(Act::Lock, Act::Hold) }
                }),
                is_locked_down,
                start,
            }
        })
}

/// Walks minute by minute, as clocks on a wall do: what counts is the latest time that they have shown.
struct Walk<'a> {
    made: &'a Made,
    now: Timestamp,
    latest: chrono::NaiveDateTime,
    is_lock_standing: bool,
}

impl<'a> Walk<'a> {
    /// From well before all that there is.
    fn begin(made: &'a Made) -> Self {
        let now = made.start - Duration::minutes(2_000 + 1_440);
        let latest = chrono::NaiveDateTime::MIN;
        Self { made, now, latest, is_lock_standing: false }
    }

    /// By what the door is as it is at this minute, which is over then.
    fn step(&mut self) -> Rule {
        let now = self.now;
        self.now += Duration::minutes(1);
        let is_in_hours = self.made.door.as_ref().is_some_and(|door| {
            self.latest = self.latest.max(now.with_timezone(&door.hours.zone).naive_local());
            self.holds(door)
        });
        let is_booked = self.made.bookings.iter().any(|booking| booking.contains(now));
        let is_open = is_in_hours || is_booked;
        if self.made.manual == Some(Manual { at: now, act: Act::Lock }) {
            self.is_lock_standing = true;
        }
        self.is_lock_standing &= is_open;
        match self.made.manual {
            _ if self.made.is_locked_down => Rule::Lockdown,
            Some(Manual { at, act: Act::Hold(until) }) if at <= now && now < until => Rule::ManualHold,
            Some(Manual { act: Act::Lock, .. }) if self.is_lock_standing => Rule::ManualLock,
            _ if is_booked => Rule::Booking,
            _ if is_in_hours => Rule::Hours,
            _ => Rule::Nothing,
        }
    }

    fn holds(&self, door: &DoorHours) -> bool {
        let today = self.latest.date();
        let shown = u16::try_from(self.latest.hour() * 60 + self.latest.minute()).unwrap();
        let of = |date: NaiveDate| match door.others.get(&date) {
            Some(None) => Vec::new(),
            Some(Some(others)) => others.intervals().to_vec(),
            None => {
                let intervals = door.hours.weekly.intervals().iter().copied();
                intervals.filter(|it| it.day == date.weekday()).collect()
            }
        };
        let yesterday = today.pred_opt().unwrap();
        of(today).iter().any(|it| shown >= it.start && (shown < it.end || it.end < it.start))
            || of(yesterday).iter().any(|it| it.end < it.start && shown < it.end)
    }
}

proptest! {
    /// Seen at any minute, a door is what walking there says, for as long as it says so.
    #[test]
    fn a_door_should_be_what_minute_after_minute_says(made in made(), seen_at in 0i64..2_000) {
        let mut walk = Walk::begin(&made);
        let now = made.start + Duration::minutes(seen_at);
        while walk.now < now {
            walk.step();
        }
        let influences = made.influences(now);
        let mut should = influences.should(now);
        for _ in 0..4_000 {
            let at = walk.now;
            if should.until.is_some_and(|until| until <= at) {
                prop_assert_eq!(should.until, Some(at), "no change is passed over");
                should = influences.should(at);
            }
            prop_assert_eq!(walk.step(), should.rule, "{}", at);
        }
    }

    /// A device that does what it is told, and ends holds by itself, is open when it should be and never else, however
    /// short its holds are, and however seldom it is looked at beside the times that are said.
    #[test]
    fn a_door_that_does_what_it_is_told_is_as_it_should_be(
        made in made(), hold_minutes in prop::sample::select(vec![10u64, 60, 1_440]),
    ) {
        let hold_max = Span::from_secs(hold_minutes * 60);
        let mut walk = Walk::begin(&made);
        while walk.now < made.start {
            walk.step();
        }
        // What was done by hand was done at the door.
        let mut told = made.manual.map(|manual| Told { act: manual.act, is_ours: false, is_doubtful: false });
        let mut looks = BTreeSet::from([made.start]);
        for _ in 0..4_000 {
            let now = walk.now;
            if looks.first().is_some_and(|look| *look <= now) {
                looks.clear();
                let (order, next) = decide(&made.influences(now), now, told, hold_max);
                prop_assert!(next.is_none_or(|next| now < next), "{:?} at {}", next, now);
                looks.extend(next);
                if let Some(Order { act, rule }) = order {
                    prop_assert!(act == Act::Lock || rule.is_ours());
                    told = Some(Told { act, is_ours: true, is_doubtful: false });
                }
            }
            let rule = walk.step();
            let is_open = matches!(told, Some(Told { act: Act::Hold(until), .. }) if now < until);
            if rule != Rule::Lockdown {
                prop_assert_eq!(is_open, rule.unlocks(), "{:?} at {}", rule, now);
            }
        }
    }
}
