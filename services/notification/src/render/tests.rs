use domain::Window;
use proptest::prelude::*;

use super::calendar::CalendarFile;
use super::*;
use crate::model::{Arrival, DisputeState, WayIn};
use crate::secrets::DoorSecret;
use crate::vendor::twilio::{Encoding, segments};

fn window(start: &str, end: &str) -> Window {
    Window::new(start.parse().unwrap(), end.parse().unwrap()).unwrap()
}

fn content() -> Content {
    Content {
        to: "ada@example.org".into(),
        person_name: "Ada Lovelace".into(),
        resource_name: "Meeting Room 4".into(),
        location_name: "Main Street".into(),
        address: "Main Street 1, 1010 Vienna".into(),
        time_zone: "Europe/Vienna".into(),
        window: window("2026-12-01T08:00:00Z", "2026-12-01T10:00:00Z"),
        previous_window: None,
        title: "Engine review".into(),
        reason: String::new(),
        workspace_name: "Space One".into(),
        reply_to: Some("desk@space.example".into()),
        booking: "01936f3e-7b1c-7d3a-9c55-0a4b3f1e2d6c".parse().unwrap(),
        booking_version: 3,
        told_at: "2026-11-20T12:34:56Z".parse().unwrap(),
        problems: Vec::new(),
        problems_more: 0,
        host: None,
        host_id: None,
        way_in: None,
        arrival: None,
        dispute: None,
    }
}

fn moved() -> Content {
    Content {
        window: window("2026-12-01T21:00:00Z", "2026-12-02T01:00:00Z"),
        previous_window: Some(content().window),
        title: String::new(),
        ..content()
    }
}

fn cancelled() -> Content {
    Content { reason: "The room is being painted.".into(), booking_version: 4, ..content() }
}

fn alert() -> Content {
    let problem = |person: &str, sentence: &str, detail: &str| Problem {
        person: person.into(),
        door: "Main entrance".into(),
        sentence: sentence.into(),
        detail: detail.into(),
    };
    Content {
        person_name: "Grace Hopper".into(),
        problems: vec![
            problem(
                "Ada Lovelace",
                "The provider's credentials are missing, or it refuses them: connect it again. \
                 Until then, be ready to let them in by hand.",
                "Access denied",
            ),
            problem("Charles Babbage", "The person is paused.", ""),
        ],
        problems_more: 3,
        ..content()
    }
}

fn dispute(state: DisputeState) -> Content {
    let dispute = Dispute {
        amount: "116.13 EUR".into(),
        invoice: "INV-000012".into(),
        payer: "Ada Lovelace".into(),
        reason: "product not received".into(),
        state,
        dispute_ref: "du_1Nv0FGQ9RKHgCVdK".into(),
    };
    Content {
        person_name: "Grace Hopper".into(),
        workspace_name: "Latchkey".into(),
        title: String::new(),
        dispute: Some(dispute),
        ..content()
    }
}

fn way_in() -> Content {
    let way_in = WayIn {
        door: "Main entrance".into(),
        provider: "kisi".into(),
        name: "workspaces/1/waysIn/2".into(),
        window: window("2026-12-01T07:55:00Z", "2026-12-01T10:00:00Z"),
    };
    Content { way_in: Some(way_in), ..content() }
}

fn arrived() -> Content {
    let arrival = Arrival {
        visitor: "Charles <Babbage>".into(),
        door: "Main entrance".into(),
        time: "2026-12-01T07:58:30Z".parse().unwrap(),
    };
    Content { arrival: Some(arrival), host: Some("Ada Lovelace".into()), ..content() }
}

fn link() -> DoorSecret {
    DoorSecret::Link("https://web.kisi.example/grouplinks/Zm9vYmFyYmF6cXV4?a=1&b=2".into())
}

fn pin() -> DoorSecret {
    DoorSecret::Pin("287401".into())
}

fn renderer() -> Renderer {
    Renderer::new("bookings@latchkey.example")
}

/// What a person who means harm, or just has an unusual name, could be called.
fn hostile() -> Content {
    let name = "<b>\"Bob\"</b>, ;: \\ {{ 7*7 }} & O'Neill";
    Content {
        to: "bob@example.org".into(),
        person_name: name.into(),
        resource_name: name.into(),
        location_name: name.into(),
        address: name.into(),
        title: name.into(),
        reason: name.into(),
        workspace_name: name.into(),
        ..cancelled()
    }
}

macro_rules! email_snapshots {
    ($($test:ident = $name:literal, $kind:expr, $content:expr $(, $secret:expr)?;)+) => {$(
        #[test]
        fn $test() {
            let secret: Option<DoorSecret> = [$($secret)?].into_iter().next();
            let email = renderer().email($kind, &$content, secret.as_ref()).unwrap();
            insta::assert_snapshot!(concat!($name, ".txt"), format!("Subject: {}\n\n{}", email.subject, email.text));
            insta::assert_snapshot!(concat!($name, ".html"), email.html);
            if let Some(file) = email.calendar {
                insta::assert_snapshot!(concat!($name, ".ics"), file.text.replace("\r\n", "\n"));
            }
        }
    )+};
}

email_snapshots! {
    a_confirmed_email_reads_so = "confirmed", Kind::Confirmed, content();
    a_rescheduled_email_reads_so = "rescheduled", Kind::Rescheduled, moved();
    a_cancelled_email_reads_so = "cancelled", Kind::Cancelled, cancelled();
    another_way_in_reads_so = "way_in", Kind::WayIn, way_in(), link();
    another_way_in_by_pin_reads_so = "way_in_pin", Kind::WayIn, way_in(), pin();
    access_that_is_ready_reads_so = "access_ready", Kind::AccessReady, way_in(), pin();
    the_arrival_of_a_visitor_reads_so = "visitor_arrived", Kind::VisitorArrived, arrived();
    a_dispute_reads_so = "dispute", Kind::DisputeOpened, dispute(DisputeState::Open);
    a_payment_that_was_taken_back_reads_so = "dispute_lost", Kind::DisputeOpened, dispute(DisputeState::Lost);
    a_question_of_a_bank_reads_so = "dispute_asked", Kind::DisputeOpened, dispute(DisputeState::Asked);
    an_alert_to_staff_reads_so = "staff_alert", Kind::StaffAlert, alert();
    hostile_names_are_escaped = "hostile", Kind::Cancelled, hostile();
}

#[test]
fn text_messages_read_so() {
    let sms = |kind, content| renderer().sms(kind, &content, None).unwrap();
    assert_eq!(
        sms(Kind::Confirmed, content()),
        "Confirmed: Meeting Room 4, Main Street. Tue 1 Dec 2026, 09:00-11:00 (Europe/Vienna). Space One"
    );
    assert_eq!(
        sms(Kind::Rescheduled, moved()),
        "Moved: Meeting Room 4, Main Street. New time: \
         Tue 1 Dec 2026, 22:00 - Wed 2 Dec 2026, 02:00 (Europe/Vienna). Space One"
    );
    assert_eq!(
        sms(Kind::StaffAlert, alert()),
        "Not all will be let in: Meeting Room 4, Main Street. Tue 1 Dec 2026, 09:00-11:00 (Europe/Vienna). \
         Ada Lovelace: The provider's credentials are missing, or it refuses them: connect it again. Until \
         then, be ready to let them in by hand. And 4 more. Space One"
    );
    assert_eq!(
        renderer().sms(Kind::WayIn, &way_in(), Some(&link())).unwrap(),
        "Your way in to Meeting Room 4, Main Street: https://web.kisi.example/grouplinks/Zm9vYmFyYmF6cXV4?a=1&b=2 \
         Opens Tue 1 Dec 2026, 08:55-11:00 (Europe/Vienna). Space One"
    );
    assert_eq!(
        renderer().sms(Kind::WayIn, &way_in(), Some(&pin())).unwrap(),
        "Your way in to Meeting Room 4, Main Street: PIN 287401. Opens Tue 1 Dec 2026, 08:55-11:00 (Europe/Vienna). \
         Space One"
    );
    assert_eq!(
        sms(Kind::Cancelled, cancelled()),
        "Cancelled: Meeting Room 4, Main Street. Tue 1 Dec 2026, 09:00-11:00 (Europe/Vienna). Space One"
    );
}

#[test]
fn a_text_message_of_one_day_is_one_segment_however_long_the_names() {
    let long = Content {
        resource_name: "The “Grand” Conference Room – with a view…".into(),
        location_name: "Main Street and Second Avenue, back house".into(),
        workspace_name: "Space One Coworking and Coliving GmbH".into(),
        ..content()
    };
    for kind in [Kind::Confirmed, Kind::Rescheduled, Kind::Cancelled] {
        let text = renderer().sms(kind, &long, None).unwrap();
        let segments = segments(&text);
        assert_eq!((segments.encoding, segments.count), (Encoding::Gsm7, 1), "{text}");
    }
}

#[test]
fn a_text_message_of_an_alert_is_two_segments_however_long_its_words() {
    let word =
        "The integration is disconnected, was not checked yet, or leads to another account. ".repeat(9);
    let problem = Problem { person: word.clone(), door: word.clone(), sentence: word.clone(), detail: word };
    let long = Content {
        resource_name: "The Grand Conference Room with a view".into(),
        location_name: "Main Street and Second Avenue, back house".into(),
        workspace_name: "Space One Coworking and Coliving GmbH".into(),
        problems: vec![problem; 20],
        problems_more: 400,
        ..content()
    };
    let text = renderer().sms(Kind::StaffAlert, &long, None).unwrap();
    let segments = segments(&text);
    assert_eq!((segments.encoding, segments.count), (Encoding::Gsm7, 2), "{text}");
}

#[test]
fn markup_of_people_is_no_markup() {
    let email = renderer().email(Kind::Cancelled, &hostile(), None).unwrap();
    assert!(!email.html.contains("<b>"), "{}", email.html);
    // Nor is it a template.
    assert!(email.text.contains("{{ 7*7 }}"), "{}", email.text);
}

#[test]
fn a_calendar_file_updates_and_cancels_the_same_entry() {
    let file = |kind, content: Content| renderer().email(kind, &content, None).unwrap().calendar.unwrap();
    let line = |file: &CalendarFile, start: &str| {
        let found = file.text.lines().find(|line| line.starts_with(start));
        found.unwrap_or_else(|| panic!("no {start} in {}", file.text)).to_owned()
    };
    let (first, last) = (file(Kind::Confirmed, content()), file(Kind::Cancelled, cancelled()));
    assert_eq!(line(&first, "UID:"), line(&last, "UID:"));
    assert_eq!(
        (line(&first, "SEQUENCE:"), line(&last, "SEQUENCE:")),
        ("SEQUENCE:3".into(), "SEQUENCE:4".into())
    );
    assert_eq!(
        (line(&first, "METHOD:"), line(&last, "METHOD:")),
        ("METHOD:REQUEST".into(), "METHOD:CANCEL".into())
    );
    assert!(last.media_type.ends_with("method=CANCEL"));
    // The same message again is the same file.
    assert_eq!(first, file(Kind::Confirmed, content()));
}

#[test]
fn a_zone_that_nobody_knows_is_an_error() {
    let content = Content { time_zone: "Mars/Olympus".into(), ..content() };
    assert!(matches!(renderer().email(Kind::Confirmed, &content, None), Err(RenderError::Zone(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever people are called, no line of the subject or of the calendar file is theirs.
    #[test]
    fn no_name_breaks_out_of_its_place(name in "\\PC{1,200}") {
        let content = Content {
            person_name: name.clone(), resource_name: name.clone(), location_name: name.clone(),
            address: name.clone(), title: name.clone(), reason: name.clone(), workspace_name: name,
            ..moved()
        };
        for kind in [Kind::Confirmed, Kind::Rescheduled, Kind::Cancelled] {
            let email = renderer().email(kind, &content, None).unwrap();
            prop_assert!(!email.subject.contains(['\r', '\n']));
            prop_assert!(email.subject.chars().count() <= email::SUBJECT_CHARS_MAX);
            prop_assert!(!email.subject.is_empty());
            let calendar = email.calendar.unwrap().text;
            for line in calendar.split("\r\n") {
                // RFC 5545 asks for 75; the library gives the last line of a folded one a byte more.
                prop_assert!(line.len() <= 76 && !line.contains(['\r', '\n']), "{}", line);
            }
            let begins = calendar.split("\r\n").filter(|line| line.starts_with("BEGIN:")).count();
            prop_assert_eq!(begins, 2);
            let text = renderer().sms(kind, &content, None).unwrap();
            prop_assert!(text.chars().count() <= 200, "{}", text);
        }
    }
}
