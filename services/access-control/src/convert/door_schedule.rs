//! Schedules of doors, and holidays.

use std::collections::BTreeSet;

use chassis::input::{Input, InvalidInput, timestamp};
use chassis::weekly_hours;
use chrono::Datelike as _;
use domain::names::LocationName;
use domain::{WeeklyHours, WeeklyInterval, WorkspaceId, zone};
use proto::access::v1 as pb;
use proto::workspace::v1 as workspace_pb;

use super::address;
use crate::app::NewSchedule;
use crate::engine::Hours;
use crate::explain::sentence;
use crate::model::{DoorSchedule, Holiday, Target, TargetKind};
use crate::schedule::{Rule, Should};

const HOLIDAYS_MAX: usize = 500;
const INTERVALS_MAX: usize = 24;
const HOLIDAY_CHARS_MAX: usize = 100;

/// A lock of this workspace.
pub(super) fn lock(
    input: &mut Input,
    field: &str,
    workspace: WorkspaceId,
    door: Option<&pb::DoorAddress>,
) -> Option<Target> {
    let door = input.required(field, door).and_then(|door| address(input, field, workspace, door));
    if door.as_ref().is_some_and(|door| door.kind == TargetKind::Group) {
        input.refuse(&format!("{field}.target.kind"), "must be a lock, not a group");
    }
    door
}

/// The door of a request.
pub(crate) fn scheduled_door(
    workspace: WorkspaceId,
    door: Option<&pb::DoorAddress>,
) -> Result<Target, InvalidInput> {
    let mut input = Input::new();
    let door = lock(&mut input, "door", workspace, door);
    input.finish_with(door)
}

/// What a door is to be unlocked by.
pub(crate) fn new_schedule(
    workspace: WorkspaceId,
    message: Option<&pb::DoorSchedule>,
) -> Result<NewSchedule, InvalidInput> {
    let mut input = Input::new();
    let values = input.required("door_schedule", message).and_then(|message| {
        let door = lock(&mut input, "door_schedule.door", workspace, message.door.as_ref());
        let weekly = message.hours.as_ref();
        let weekly =
            weekly.map(|hours| weekly_hours::read(&mut input, "door_schedule.hours", &read_weekly(hours)));
        let zone = match (&weekly, message.time_zone.as_str()) {
            (None, "") => None,
            (None, _) => {
                input.refuse("door_schedule.time_zone", "must be empty without hours");
                None
            }
            (Some(_), name) => {
                let zone = zone::parse(name);
                zone.map_err(|error| input.refuse("door_schedule.time_zone", error)).ok()
            }
        };
        if weekly.is_none() && !message.is_held_for_bookings {
            input.refuse("door_schedule.hours", "must be set, unless the door is held for bookings");
        }
        let hours = weekly.flatten().zip(zone).map(|(weekly, zone)| Hours { weekly, zone });
        Some(NewSchedule { door: door?, hours, is_held_for_bookings: message.is_held_for_bookings })
    });
    input.finish_with(values)
}

/// A schedule, and what its door should be now; `None`: its integration is not followed.
pub(crate) fn door_schedule(schedule: &DoorSchedule, should: Option<&Should>) -> pb::DoorSchedule {
    let workspace = schedule.workspace;
    let problem = schedule.problem.map(|problem| (problem.into(), sentence(problem, None)));
    pb::DoorSchedule {
        door: Some(pb::DoorAddress {
            location: LocationName { workspace, id: schedule.location }.to_string(),
            provider: schedule.provider.clone(),
            target: Some(pb::DoorTarget {
                kind: pb::DoorTargetKind::Lock.into(),
                r#ref: schedule.door_ref.clone(),
                display_name: String::new(),
            }),
        }),
        hours: schedule.hours.as_ref().map(|hours| weekly(&hours.weekly)),
        time_zone: schedule.hours.as_ref().map(|hours| hours.zone.name().to_owned()).unwrap_or_default(),
        is_held_for_bookings: schedule.is_held_for_bookings,
        expectation: should.map(|should| pb::DoorExpectation {
            is_unlocked: should.rule.unlocks(),
            rule: rule(should.rule).into(),
            end_time: should.until.map(timestamp),
        }),
        problem: problem.as_ref().map_or(0, |(code, _)| *code),
        problem_sentence: problem.map(|(_, sentence)| sentence).unwrap_or_default(),
    }
}

/// Hours of the week are of another package, which this one can't import.
fn read_weekly(message: &pb::WeeklyHours) -> workspace_pb::WeeklyHours {
    let interval = |it: &pb::WeeklyInterval| workspace_pb::WeeklyInterval {
        day: it.day,
        start_minute: it.start_minute,
        end_minute: it.end_minute,
    };
    workspace_pb::WeeklyHours { intervals: message.intervals.iter().map(interval).collect() }
}

fn weekly(hours: &WeeklyHours) -> pb::WeeklyHours {
    let interval = |it: workspace_pb::WeeklyInterval| pb::WeeklyInterval {
        day: it.day,
        start_minute: it.start_minute,
        end_minute: it.end_minute,
    };
    pb::WeeklyHours { intervals: weekly_hours::message(hours).intervals.into_iter().map(interval).collect() }
}

fn rule(rule: Rule) -> pb::DoorRule {
    match rule {
        Rule::Lockdown => pb::DoorRule::Lockdown,
        Rule::ManualHold => pb::DoorRule::ManualHold,
        Rule::ManualLock => pb::DoorRule::ManualLock,
        Rule::Booking => pb::DoorRule::Booking,
        Rule::Hours => pb::DoorRule::Hours,
        Rule::Nothing => pb::DoorRule::Nothing,
    }
}

pub(crate) fn holiday(holiday: &Holiday) -> pb::Holiday {
    let intervals = holiday.hours.iter().flat_map(|hours| hours.intervals());
    pb::Holiday {
        date: holiday.date.to_string(),
        display_name: holiday.display_name.clone(),
        intervals: intervals
            .map(|interval| pb::HolidayInterval {
                start_minute: interval.start.into(),
                end_minute: interval.end.into(),
            })
            .collect(),
    }
}

/// All holidays of a location, by date.
pub(crate) fn new_holidays(messages: &[pb::Holiday]) -> Result<Vec<Holiday>, InvalidInput> {
    let mut input = Input::new();
    if messages.len() > HOLIDAYS_MAX {
        input.refuse("holidays", format!("must be at most {HOLIDAYS_MAX}"));
        return input.finish_with(None);
    }
    let mut dates = BTreeSet::new();
    let mut holidays = Vec::with_capacity(messages.len());
    for (index, message) in messages.iter().enumerate() {
        let field = |name: &str| format!("holidays[{index}].{name}");
        let date = input.date(&field("date"), &message.date);
        if date.is_some_and(|date| !dates.insert(date)) {
            input.refuse(&field("date"), "must be another one than that of each other holiday");
        }
        let display_name =
            input.optional_text(&field("display_name"), &message.display_name, HOLIDAY_CHARS_MAX);
        if message.intervals.len() > INTERVALS_MAX {
            input.refuse(&field("intervals"), format!("must be at most {INTERVALS_MAX}"));
            continue;
        }
        let Some(date) = date else { continue };
        let minute = |minute: i32| u16::try_from(minute).unwrap_or(u16::MAX);
        let interval = |interval: &pb::HolidayInterval| WeeklyInterval {
            day: date.weekday(),
            start: minute(interval.start_minute),
            end: minute(interval.end_minute),
        };
        let intervals: Vec<WeeklyInterval> = message.intervals.iter().map(interval).collect();
        let hours = match intervals.is_empty() {
            true => Ok(None),
            false => WeeklyHours::new(intervals).map(Some),
        };
        match hours {
            Ok(hours) => {
                holidays.extend(display_name.map(|display_name| Holiday { date, display_name, hours }))
            }
            Err(error) => input.refuse(&field("intervals"), error),
        }
    }
    holidays.sort_by_key(|holiday| holiday.date);
    input.finish_with(Some(holidays))
}
