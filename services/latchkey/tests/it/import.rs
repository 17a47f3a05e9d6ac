use domain::Window;
use latchkey::import::{self, Format, Holder, Import, Options, State};
use proptest::prelude::*;

const FILES: [(&str, &[u8]); 6] = [
    ("apple.ics", include_bytes!("../data/apple.ics")),
    ("bookings.csv", include_bytes!("../data/bookings.csv")),
    ("calcurse-export.ics", include_bytes!("../data/calcurse-export.ics")),
    ("google.ics", include_bytes!("../data/google.ics")),
    ("khal-weekly.ics", include_bytes!("../data/khal-weekly.ics")),
    ("outlook.ics", include_bytes!("../data/outlook.ics")),
];

fn options() -> Options {
    let time = |text: &str| text.parse().unwrap();
    Options {
        zone: chrono_tz::Europe::Vienna,
        resource: None,
        person: None,
        country: None,
        holder: Holder::Organizer,
        horizon: Window::new(time("2027-03-01T00:00:00Z"), time("2027-07-01T00:00:00Z")).unwrap(),
        occurrences_max: 500,
    }
}

fn read(name: &str, options: &Options) -> Import {
    let (_, bytes) = FILES.iter().find(|(file, _)| *file == name).unwrap();
    import::read(Format::of_file_name(name).unwrap(), bytes, options).unwrap()
}

/// The bookings, one a line: state, window in UTC, resource, person, title, reference.
fn told(import: &Import) -> Vec<String> {
    let line = |booking: &import::ImportedBooking| {
        format!(
            "{} {} - {} | {} | {} | {} | {}",
            match booking.state {
                State::Confirmed => "+",
                State::Tentative => "?",
                State::Cancelled => "-",
            },
            booking.starts_at.format("%m-%d %H:%M"),
            booking.ends_at.format("%m-%d %H:%M"),
            booking.resource.as_deref().unwrap_or("none"),
            booking.person_email.as_ref().map_or("none", |email| email.as_str()),
            booking.title,
            booking.external_ref,
        )
    };
    import.bookings.iter().map(line).collect()
}

#[test]
fn a_google_calendar_with_a_moved_and_a_removed_occurrence() {
    let import = read("google.ics", &options());
    assert_eq!(import.refused, []);
    let weekly = "HQ-1-Blue Room (8) | ada@example.org | Planning | 3k2v0weekly@google.com";
    assert_eq!(
        told(&import),
        [
            // 09:00 in Vienna, before and after the change of clocks on 28 March.
            format!("+ 03-08 08:00 - 03-08 09:30 | {weekly}/20270308T080000Z"),
            format!("+ 03-15 08:00 - 03-15 09:30 | {weekly}/20270315T080000Z"),
            format!("- 03-22 08:00 - 03-22 09:30 | {weekly}/20270322T080000Z"),
            format!("+ 04-05 07:00 - 04-05 08:30 | {weekly}/20270405T070000Z"),
            format!("+ 04-12 07:00 - 04-12 08:30 | {weekly}/20270412T070000Z"),
            "+ 03-30 12:00 - 03-30 13:30 | HQ-1-Blue Room (8) | ada@example.org | Planning (moved, Easter Monday) \
             | 3k2v0weekly@google.com/20270329T070000Z"
                .into(),
            "? 03-10 13:00 - 03-10 14:30 | HQ-1-Blue Room (8) | bob@example.org | Interview | 5f9single@google.com"
                .into(),
            // Two whole days, of which the second has 23 hours.
            "+ 03-26 23:00 - 03-28 22:00 | HQ-1-Blue Room (8) | bob@example.org | Hackathon | 7c1allday@google.com"
                .into(),
        ]
    );
    assert!(import.notes[0].text.contains("1 more"), "{:?}", import.notes);
}

#[test]
fn an_apple_calendar_with_a_cancelled_occurrence() {
    let import = read("apple.ics", &options());
    assert_eq!(import.refused, []);
    let choir = "Studio 2 Hauptplatz 1, 8010 Graz | cleo@example.org | Choir – rehearsal";
    let id = "0B6D8D0E-5C52-4E5B-9D7C-AAE1C1E1F001";
    assert_eq!(
        told(&import),
        [
            format!("+ 03-23 17:00 - 03-23 19:00 | {choir} | {id}/20270323T170000Z"),
            format!("+ 04-06 16:00 - 04-06 18:00 | {choir} | {id}/20270406T160000Z"),
            format!("+ 04-08 16:00 - 04-08 18:00 | {choir} | {id}/20270408T160000Z"),
            format!("+ 04-20 16:00 - 04-20 18:00 | {choir} | {id}/20270420T160000Z"),
            format!("+ 04-22 16:00 - 04-22 18:00 | {choir} | {id}/20270422T160000Z"),
            format!("- 03-25 17:00 - 03-25 19:00 | none | none | Choir – rehearsal | {id}/20270325T170000Z"),
            "+ 04-30 22:00 - 05-01 22:00 | Studio 2 | cleo@example.org | Open house \
             | 0B6D8D0E-5C52-4E5B-9D7C-AAE1C1E1F002"
                .into(),
        ]
    );
}

#[test]
fn an_outlook_file_with_windows_zones_and_a_cancellation() {
    let mut options = options();
    options.holder = Holder::Attendee;
    let import = read("outlook.ics", &options);
    assert_eq!(import.refused, []);
    let board =
        "Board Room | dora@example.org | Board meeting | 040000008200E00074C5B7101A82E0080000000010DAB0C1";
    assert_eq!(
        told(&import),
        [
            format!("+ 03-29 08:00 - 03-29 09:00 | {board}/20270329T080000Z"),
            format!("+ 05-31 08:00 - 05-31 09:00 | {board}/20270531T080000Z"),
            "+ 04-01 12:00 - 04-01 12:30 | Board Room | dora@example.org | Call with Bengaluru \
             | 040000008200E00074C5B7101A82E0080000000010DAB0C2"
                .into(),
            "- 04-26 08:00 - 04-26 09:00 | none | reception@example.org | Canceled: Board meeting \
             | 040000008200E00074C5B7101A82E0080000000010DAB0C1/20270426T080000Z"
                .into(),
        ]
    );
}

/// Written by khal 0.10 (`khal new --repeat weekly --until …`), kept as it came.
#[test]
fn a_calendar_that_khal_wrote() {
    let mut options = options();
    let nobody = read("khal-weekly.ics", &options);
    assert_eq!(nobody.bookings, []);
    assert_eq!(nobody.refused[0].field, "ORGANIZER or ATTENDEE");
    options.person = "desk@example.org".parse().ok();
    let import = read("khal-weekly.ics", &options);
    assert_eq!(import.refused, []);
    // Mondays from 8 March until 24 May: the rule ends on 30 May at 23:00 in UTC.
    assert_eq!(import.bookings.len(), 12);
    let told = told(&import);
    assert!(
        told[2].starts_with(
            "+ 03-22 08:30 - 03-22 10:00 | Blue Room | desk@example.org | Team weekly, spring |"
        )
    );
    assert!(told[3].starts_with("+ 03-29 07:30 - 03-29 09:00 |"));
    assert!(told[11].starts_with("+ 05-24 07:30 "));
}

/// Written by calcurse 4.7 (`calcurse --export`), kept as it came: no ids, no places, no people,
/// and times without a zone.
#[test]
fn a_calendar_that_calcurse_exported() {
    let mut options = options();
    options.person = "desk@example.org".parse().ok();
    options.resource = Some("Lab".into());
    let import = read("calcurse-export.ics", &options);
    assert_eq!(import.refused, []);
    let told = told(&import);
    let of = |title: &str| {
        told.iter().filter(|line| line.contains(title)).map(|line| &line[..27]).collect::<Vec<_>>()
    };
    assert_eq!(of("Desk day"), ["+ 03-10 23:00 - 03-11 23:00"]);
    assert_eq!(of("Interview with Zoë"), ["+ 03-10 13:00 - 03-10 14:30"]);
    // Three nights until 06:00, but calcurse has written the length of the first for all of them: seven
    // hours, because the clocks change in it. The file is taken at its word.
    assert_eq!(
        of("Night shift"),
        ["+ 03-27 21:00 - 03-28 04:00", "+ 03-28 20:00 - 03-29 03:00", "+ 03-29 20:00 - 03-30 03:00"]
    );
    let weekly = of("Team weekly");
    assert_eq!(weekly.len(), 13);
    assert_eq!(weekly[2], "- 03-22 08:30 - 03-22 10:00");
    assert_eq!(weekly[12], "+ 05-31 07:30 - 05-31 09:00");
}

#[test]
fn a_table_as_a_booking_system_exports_it() {
    let import = read("bookings.csv", &options());
    assert_eq!(
        told(&import),
        [
            "+ 03-08 08:00 - 03-08 09:30 | Blue Room | ada@example.org |  | 1001",
            "? 03-28 00:30 - 03-28 01:30 | Blue Room | bob@example.org |  | 1002",
            "- 03-10 08:00 - 03-10 16:00 | Focus Desk | cleo@example.org |  | 1003",
        ]
    );
    let refused: Vec<_> =
        import.refused.iter().map(|refused| (refused.line, refused.field.as_str())).collect();
    assert_eq!(refused, [(6, "email"), (7, "start")]);
    assert_eq!(import.bookings[0].phone.as_ref().unwrap().as_str(), "+436641234567");
}

#[test]
fn reading_a_file_again_gives_the_same_references() {
    let mut options = options();
    options.person = "desk@example.org".parse().ok();
    options.resource = Some("Lab".into());
    for (name, _) in FILES {
        let import = read(name, &options);
        assert_eq!(import, read(name, &options), "{name}");
        let mut references: Vec<_> = import.bookings.iter().map(|booking| &booking.external_ref).collect();
        references.sort();
        references.dedup();
        assert_eq!(references.len(), import.bookings.len(), "{name}");
    }
}

proptest! {
    /// Real files with damage reach deeper than noise does.
    #[test]
    fn damaged_files_make_no_parser_panic(
        file in 0..FILES.len(),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), 0_usize..20, "[ -~\n\t\u{e9}]{0,8}"), 1..12),
    ) {
        let (name, bytes) = FILES[file];
        let mut bytes = bytes.to_vec();
        for (at, length, text) in damage {
            let from = at.index(bytes.len());
            let to = (from + length).min(bytes.len());
            bytes.splice(from..to, text.into_bytes());
            if bytes.is_empty() {
                break;
            }
        }
        if let Ok(import) = import::read(Format::of_file_name(name).unwrap(), &bytes, &options()) {
            for booking in import.bookings {
                prop_assert!(booking.starts_at < booking.ends_at, "{:?}", booking);
                prop_assert!(booking.external_ref.len() <= 255);
                prop_assert!(booking.state == State::Cancelled || booking.person_email.is_some());
            }
        }
    }
}
