use super::*;
use crate::import::testing::options;
use crate::import::{ImportedBooking, State};
use domain::Window;

/// A calendar with these events: lines of each, between `BEGIN` and `END`.
fn calendar(events: &[&str]) -> String {
    let event = |lines: &&str| {
        let lines: Vec<&str> = lines.split_whitespace().collect();
        format!(
            "BEGIN:VEVENT\nORGANIZER:mailto:ada@example.org\nLOCATION:Blue\n{}\nEND:VEVENT\n",
            lines.join("\n")
        )
    };
    format!("BEGIN:VCALENDAR\n{}END:VCALENDAR\n", events.iter().map(event).collect::<String>())
}

fn import(events: &[&str]) -> Import {
    read(calendar(events).as_bytes(), &options()).unwrap()
}

fn windows(bookings: &[ImportedBooking]) -> Vec<String> {
    let mark = |booking: &ImportedBooking| if booking.state == State::Cancelled { "-" } else { "" };
    let window = |booking: &ImportedBooking| {
        format!(
            "{}{}-{}",
            mark(booking),
            booking.starts_at.format("%m%dT%H%M"),
            booking.ends_at.format("%m%dT%H%M")
        )
    };
    bookings.iter().map(window).collect()
}

fn taken(events: &[&str]) -> Vec<String> {
    let import = import(events);
    assert_eq!(import.refused, []);
    windows(&import.bookings)
}

fn reason(events: &[&str]) -> (usize, String, String) {
    let mut import = import(events);
    assert_eq!(import.refused.len(), 1, "{:?}", import.refused);
    let refused = import.refused.remove(0);
    (refused.line, refused.field, refused.reason)
}

#[test]
fn times_are_read_in_utc_in_a_zone_or_by_the_locations_clocks() {
    assert_eq!(taken(&["UID:a DTSTART:20270308T090000Z DTEND:20270308T100000Z"]), ["0308T0900-0308T1000"]);
    assert_eq!(taken(&["UID:a DTSTART:20270308T090000 DTEND:20270308T100000"]), ["0308T0800-0308T0900"]);
    assert_eq!(
        taken(&["UID:a DTSTART;TZID=America/New_York:20270308T090000 DURATION:PT90M"]),
        ["0308T1400-0308T1530"]
    );
    // From New York to Vienna, by train of thought.
    assert_eq!(
        taken(&[
            "UID:a DTSTART;TZID=America/New_York:20270308T090000 DTEND;TZID=Europe/Vienna:20270308T180000"
        ]),
        ["0308T1400-0308T1700"]
    );
}

#[test]
fn whole_days_last_from_midnight_to_midnight_at_the_location() {
    assert_eq!(taken(&["UID:a DTSTART;VALUE=DATE:20270328"]), ["0327T2300-0328T2200"]);
    assert_eq!(
        taken(&["UID:a DTSTART;VALUE=DATE:20270308 DTEND;VALUE=DATE:20270310"]),
        ["0307T2300-0309T2300"]
    );
    let weekly =
        import(&["UID:a DTSTART;VALUE=DATE:20270327 RRULE:FREQ=WEEKLY;COUNT=2 EXDATE;VALUE=DATE:20270403"]);
    assert_eq!(windows(&weekly.bookings), ["0326T2300-0327T2300", "-0402T2200-0403T2200"]);
    assert_eq!(weekly.bookings[0].external_ref, "a/20270327");
}

#[test]
fn a_repeated_event_keeps_its_local_time_across_changes_of_clocks() {
    assert_eq!(
        taken(&[
            "UID:a DTSTART;TZID=Europe/Vienna:20270326T090000 DTEND;TZID=Europe/Vienna:20270326T100000 \
                 RRULE:FREQ=DAILY;COUNT=4"
        ]),
        ["0326T0800-0326T0900", "0327T0800-0327T0900", "0328T0700-0328T0800", "0329T0700-0329T0800"]
    );
    // In the hour that is skipped, and in the one that comes twice.
    assert_eq!(
        taken(&[
            "UID:a DTSTART;TZID=Europe/Vienna:20270327T023000 DTEND;TZID=Europe/Vienna:20270327T030000 \
                 RRULE:FREQ=DAILY;COUNT=2"
        ]),
        ["0327T0130-0327T0200", "0328T0130-0328T0200"]
    );
    assert_eq!(
        taken(&["UID:a DTSTART;TZID=Europe/Vienna:20271030T023000 DURATION:PT2H RRULE:FREQ=DAILY;COUNT=2"]),
        ["1030T0030-1030T0230", "1031T0030-1031T0230"]
    );
}

#[test]
fn dates_can_be_added_and_taken_out() {
    let event = "UID:a DTSTART;TZID=Europe/Vienna:20270308T090000 DURATION:PT1H RRULE:FREQ=DAILY;COUNT=3 \
                 EXDATE:20270309T080000Z EXDATE;VALUE=DATE:20270310 \
                 RDATE;TZID=Europe/Vienna:20270401T090000,20270402T100000 \
                 RDATE;VALUE=PERIOD:20270501T120000Z/PT3H,20270502T120000Z/20270502T123000Z";
    assert_eq!(
        taken(&[event]),
        [
            "0308T0800-0308T0900",
            "-0309T0800-0309T0900",
            "-0310T0800-0310T0900",
            "0401T0700-0401T0800",
            "0402T0800-0402T0900",
            "0501T1200-0501T1500",
            "0502T1200-0502T1230",
        ]
    );
}

#[test]
fn the_first_occurrence_counts_even_if_the_rule_does_not_have_it() {
    // A Monday, repeated on Tuesdays.
    assert_eq!(
        taken(&[
            "UID:a DTSTART:20270308T090000Z DURATION:PT1H RRULE:FREQ=WEEKLY;BYDAY=TU;UNTIL=20270316T235959Z"
        ]),
        ["0308T0900-0308T1000", "0309T0900-0309T1000", "0316T0900-0316T1000"]
    );
}

#[test]
fn a_single_occurrence_can_be_moved_or_called_off_and_keeps_its_reference() {
    let events = [
        "UID:a DTSTART:20270308T090000Z DURATION:PT1H RRULE:FREQ=DAILY;COUNT=3",
        "UID:a RECURRENCE-ID:20270309T090000Z DTSTART:20270319T150000Z DURATION:PT2H",
        "UID:a RECURRENCE-ID;VALUE=DATE:20270310 STATUS:CANCELLED",
    ];
    let import = import(&events);
    assert_eq!(import.refused, []);
    assert_eq!(
        windows(&import.bookings),
        ["0308T0900-0308T1000", "0319T1500-0319T1700", "-0309T2300-0310T2300"]
    );
    let references: Vec<_> = import.bookings.iter().map(|booking| booking.external_ref.as_str()).collect();
    assert_eq!(references, ["a/20270308T090000Z", "a/20270309T090000Z", "a/20270310T090000Z"]);
}

#[test]
fn an_invitation_to_one_occurrence_stands_alone() {
    let import = import(&["UID:a RECURRENCE-ID:20270309T090000Z DTSTART:20270309T090000Z DURATION:PT2H"]);
    assert_eq!(windows(&import.bookings), ["0309T0900-0309T1100"]);
    assert_eq!(import.bookings[0].external_ref, "a/20270309T090000Z");
}

#[test]
fn the_newest_version_of_an_event_counts() {
    let versions = [
        "UID:a SEQUENCE:2 DTSTAMP:20270101T000000Z DTSTART:20270308T090000Z DURATION:PT1H",
        "UID:a SEQUENCE:10 DTSTAMP:20270101T000000Z DTSTART:20270309T090000Z DURATION:PT1H",
        "UID:a SEQUENCE:9 DTSTAMP:20270401T000000Z DTSTART:20270310T090000Z DURATION:PT1H",
    ];
    let import = import(&versions);
    assert_eq!(windows(&import.bookings), ["0309T0900-0309T1000"]);
    assert_eq!(import.notes.iter().map(|note| note.line).collect::<Vec<_>>(), [2, 20]);
    // Of the same sequence, the one written last; else the later one in the file.
    let stamped = [
        "UID:a DTSTAMP:20270401T000000Z DTSTART:20270308T090000Z DURATION:PT1H",
        "UID:a DTSTAMP:20270301T000000Z DTSTART:20270309T090000Z DURATION:PT1H",
    ];
    assert_eq!(taken(&stamped), ["0308T0900-0308T1000"]);
    assert_eq!(
        taken(&[
            "UID:a DTSTART:20270308T090000Z DURATION:PT1H",
            "UID:a DTSTART:20270309T090000Z DURATION:PT1H"
        ]),
        ["0309T0900-0309T1000"]
    );
}

#[test]
fn what_is_cancelled_is_told_as_cancelled() {
    let one = import(&["UID:a STATUS:CANCELLED DTSTART:20270308T090000Z DURATION:PT1H"]);
    assert_eq!(one.bookings[0].state, State::Cancelled);
    assert_eq!(
        taken(&["UID:a STATUS:CANCELLED DTSTART:20270308T090000Z DURATION:PT1H RRULE:FREQ=DAILY;COUNT=2"]),
        ["-0308T0900-0308T1000", "-0309T0900-0309T1000"]
    );
    let text = calendar(&["UID:a DTSTART:20270308T090000Z DTEND:20270308T100000Z"])
        .replace("BEGIN:VCALENDAR", "BEGIN:VCALENDAR\nMETHOD:CANCEL");
    let import = read(text.as_bytes(), &options()).unwrap();
    assert_eq!(windows(&import.bookings), ["-0308T0900-0308T1000"]);
    let text = text.replace("METHOD:CANCEL", "METHOD:REPLY");
    let import = read(text.as_bytes(), &options()).unwrap();
    assert_eq!((import.bookings.len(), import.refused[0].field.as_str()), (0, "METHOD"));
}

#[test]
fn a_rule_without_end_is_taken_for_the_horizon_and_that_is_said() {
    let mut options = options();
    let time = |text: &str| text.parse::<Timestamp>().unwrap();
    options.horizon = Window::new(time("2027-03-10T09:30:00Z"), time("2027-03-13T09:00:00Z")).unwrap();
    let text = calendar(&["UID:a DTSTART:20200101T090000Z DURATION:PT1H RRULE:FREQ=DAILY"]);
    let import = read(text.as_bytes(), &options).unwrap();
    // The first is under way when the horizon begins; the one that starts when it ends is out.
    assert_eq!(
        windows(&import.bookings),
        ["0310T0900-0310T1000", "0311T0900-0311T1000", "0312T0900-0312T1000"]
    );
    assert!(import.notes[0].text.contains("2027-03-10 until 2027-03-13"), "{:?}", import.notes);
    options.occurrences_max = 2;
    let import = read(text.as_bytes(), &options).unwrap();
    assert_eq!(import.bookings.len(), 2);
    assert!(import.notes.iter().any(|note| note.text.contains("more than 2 times")), "{:?}", import.notes);
}

#[test]
fn events_that_do_not_repeat_are_taken_whenever_they_are() {
    assert_eq!(taken(&["UID:a DTSTART:20210308T090000Z DURATION:PT1H"]), ["0308T0900-0308T1000"]);
}

#[test]
fn each_fault_is_listed_by_its_line_and_costs_only_its_event() {
    let good = "UID:good DTSTART:20270308T090000Z DURATION:PT1H";
    for (bad, line, field) in [
        ("UID:b DURATION:PT1H", 9, "DTSTART"),
        ("UID:b DTSTART:tomorrow DURATION:PT1H", 13, "DTSTART"),
        ("UID:b DTSTART;TZID=Shire:20270308T090000 DURATION:PT1H", 13, "DTSTART"),
        ("UID:b DTSTART:20270308T090000Z", 9, "DTEND"),
        ("UID:b DTSTART:20270308T090000Z DTEND:20270308T090000Z", 14, "DTEND"),
        ("UID:b DTSTART:20270308T090000Z DURATION:-PT1H", 14, "DURATION"),
        ("UID:b DTSTART:20270308T090000Z DURATION:PT1H RRULE:FREQ=OFTEN", 15, "RRULE"),
        ("UID:b DTSTART:20270308T090000Z DURATION:PT1H STATUS:PERHAPS", 15, "STATUS"),
        ("UID:b DTSTART:20270308T090000Z DURATION:PT1H DTSTART:20270309T090000Z", 15, "DTSTART"),
        ("UID:b DTSTART:20270308T090000Z DURATION:PT1H nonsense", 15, ""),
        ("UID:b DTSTART:20270308T090000Z DURATION:PT1H SEQUENCE:first", 15, "SEQUENCE"),
        ("UID:b DTSTART:20270308T090000Z DURATION:PT1H RDATE:20270309T090000Z/PT0H", 15, "RDATE"),
        (
            "UID:b RECURRENCE-ID;RANGE=THISANDFUTURE:20270308T090000Z DTSTART:20270308T090000Z DURATION:PT1H",
            9,
            "RECURRENCE-ID",
        ),
    ] {
        let import = import(&[good, bad, "UID:also-good DTSTART:20270309T090000Z DURATION:PT1H"]);
        assert_eq!(import.bookings.len(), 2, "{bad}");
        let refused: Vec<_> =
            import.refused.iter().map(|refused| (refused.line, refused.field.as_str())).collect();
        assert_eq!(refused, [(line, field)], "{bad}: {:?}", import.refused);
        assert!(!import.refused[0].reason.is_empty());
    }
}

#[test]
fn other_components_and_cut_off_files_are_listed() {
    let text = "BEGIN:VCALENDAR\nBEGIN:VTODO\nSUMMARY:Buy milk\nEND:VTODO\nBEGIN:VEVENT\nUID:a\nDTSTART:2027";
    let import = read(text.as_bytes(), &options()).unwrap();
    let refused: Vec<_> =
        import.refused.iter().map(|refused| (refused.line, refused.what.as_str())).collect();
    assert_eq!(refused, [(1, "VCALENDAR"), (2, "Buy milk"), (5, "a")]);
    assert_eq!(read(b"hello", &options()), Err(FileError::NotCalendar));
}

#[test]
fn who_and_what_must_be_known_unless_it_is_called_off() {
    let text = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a\nDTSTART:20270308T090000Z\nDURATION:PT1H\nEND:VEVENT\nEND:VCALENDAR\n";
    let field = |text: &str, options: &Options| {
        read(text.as_bytes(), options).unwrap().refused.first().map(|refused| refused.field.clone())
    };
    let mut options = options();
    assert_eq!(field(text, &options).as_deref(), Some("LOCATION"));
    options.resource = Some("Blue".into());
    assert_eq!(field(text, &options).as_deref(), Some("ORGANIZER or ATTENDEE"));
    options.person = "desk@example.org".parse().ok();
    assert_eq!(field(text, &options), None);
    let cancelled = text.replace("UID:a", "UID:a\nSTATUS:CANCELLED");
    assert_eq!(field(&cancelled, &super::tests::options()), None);
}

#[test]
fn an_event_without_id_gets_one_from_its_content() {
    let one = import(&["DTSTART:20270308T090000Z DURATION:PT1H DTSTAMP:20270101T000000Z"]);
    let two = import(&["DTSTART:20270308T090000Z DURATION:PT1H DTSTAMP:20270102T000000Z"]);
    let other = import(&["DTSTART:20270308T100000Z DURATION:PT1H"]);
    assert_eq!(one.bookings[0].external_ref, two.bookings[0].external_ref);
    assert_ne!(one.bookings[0].external_ref, other.bookings[0].external_ref);
    let long = import(&[&format!("UID:{} DTSTART:20270308T090000Z DURATION:PT1H", "x".repeat(5_000))]);
    assert!(long.bookings[0].external_ref.len() <= 255);
}

#[test]
fn what_a_file_can_make_us_do_is_bounded() {
    let never = "UID:a DTSTART:20270308T090000Z DURATION:PT1H RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30";
    let old = "UID:b DTSTART:20000308T090000Z DURATION:PT1H RRULE:FREQ=DAILY";
    let hourly = "UID:c DTSTART:20200308T090000Z DURATION:PT1H RRULE:FREQ=HOURLY";
    let (roots, _) = components::read(calendar(&[never, old, hourly]).as_bytes());
    let mut import = Import::default();
    let mut budget = Budget::of(100_000);
    for group in by_uid(events_of(&roots[0], &options(), &mut Vec::new())) {
        take(group, &options(), &mut budget, &mut import);
    }
    // The first gives its own start only, for half of the budget; the last is more than is left.
    assert_eq!(import.bookings.iter().filter(|booking| booking.external_ref.starts_with("a/")).count(), 1);
    assert_eq!(import.bookings.iter().filter(|booking| booking.external_ref.starts_with("b/")).count(), 245);
    assert_eq!(import.refused.len(), 1);
    assert!(import.refused[0].reason.contains("too much"), "{:?}", import.refused);
}

#[test]
fn one_reason_is_given_for_a_rule_that_can_not_be_followed() {
    let (line, field, reason) = reason(&["UID:a DTSTART:20270308T090000Z DURATION:PT1H RRULE:FREQ=SECONDLY"]);
    assert_eq!((line, field.as_str()), (8, "RRULE"));
    assert!(reason.contains("second"), "{reason}");
}
