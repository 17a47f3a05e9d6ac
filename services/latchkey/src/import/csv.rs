//! Tables: one booking a row, the first row names the columns.
//!
//! Columns can come in any order; [`columns`] has the names that are known. Needed are a start and
//! an end, each with date and time in one column or two, and unless the options have them, a
//! resource and an email address. A row without an id is known by its resource, person and window.

use ::csv::{ByteRecord, ReaderBuilder, StringRecord};
use chrono::SecondsFormat;
use domain::contact::{EmailAddress, PhoneNumber};
use domain::{Timestamp, zone};

use self::columns::{Columns, Field, known_names};
use crate::import::{
    BOOKINGS_MAX, Fault, FileError, Import, ImportedBooking, Note, Options, State, TEXT_MAX_CHARS,
    content_ref, shortened,
};

mod columns;
mod times;

/// What can stand between columns; in doubt, the first.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];
/// A last row that no file has. If it is not read as a row of its own, a quote before it was
/// opened and never closed, and the row it was opened in has swallowed the rest of the file.
const END: &str = "\u{0}end";
const REF_MAX_BYTES: usize = 255;

/// Reads a table.
pub(super) fn read(bytes: &[u8], options: &Options) -> Result<Import, FileError> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(FileError::Utf16);
    }
    let delimiter = delimiter(bytes);
    let mut rows = rows(bytes, delimiter).into_iter();
    let is_end = |row: &ByteRecord| row.len() == 1 && &row[0] == END.as_bytes();
    let (_, header) = rows.next().filter(|(_, row)| !is_end(row)).ok_or(FileError::Empty)?;
    let header = StringRecord::from_byte_record_lossy(header);
    let columns = Columns::of(&header)?;
    let mut import = Import::default();
    let mut lines_of_refs = std::collections::HashMap::new();
    let mut is_complete = false;
    for (line, row) in rows {
        if is_end(&row) {
            is_complete = true;
            break;
        }
        let what = shortened(&row.iter().map(String::from_utf8_lossy).collect::<Vec<_>>().join(", "));
        match booking(line, row, &columns, options) {
            Ok((booking, note)) => {
                let first = *lines_of_refs.entry(booking.external_ref.clone()).or_insert(line);
                let fault = if first != line {
                    Some(format!("is the same booking as line {first}"))
                } else {
                    (import.bookings.len() >= BOOKINGS_MAX)
                        .then(|| format!("one file can have {BOOKINGS_MAX} bookings; split it"))
                };
                match fault {
                    Some(reason) => import.refused.push(Fault::new(line, "", reason).about(&what)),
                    None => {
                        import.notes.extend(note.map(|text| Note { line, what, text }));
                        import.bookings.push(booking);
                    }
                }
            }
            Err(fault) => import.refused.push(fault.about(&what)),
        }
    }
    if !is_complete {
        refuse_swallowing_row(&mut import);
    }
    Ok(import)
}

/// The last row that was read holds the end mark in one of its cells: whatever became of it, it is
/// not what its author meant.
fn refuse_swallowing_row(import: &mut Import) {
    let last_booking = import.bookings.last().map_or(0, |booking| booking.line);
    let last_refused = import.refused.last().map_or(0, |refused| refused.line);
    let (line, what) = if last_booking > last_refused {
        import.bookings.pop();
        import.notes.retain(|note| note.line != last_booking);
        (last_booking, String::new())
    } else {
        // If there is none, it is the header.
        import.refused.pop().map_or((1, String::new()), |refused| (refused.line, refused.what))
    };
    let reason = "a quote is opened in this row and never closed, so that the rest of the file belongs to it";
    import.refused.push(Fault::new(line, "", reason).about(what.split('\u{0}').next().unwrap_or_default()));
}

/// All rows with their lines, the end mark included. Blank lines are none.
fn rows(bytes: &[u8], delimiter: u8) -> Vec<(usize, ByteRecord)> {
    let marked = [bytes, b"\n", END.as_bytes(), b"\n"].concat();
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(marked.as_slice());
    let mut rows = Vec::new();
    let mut record = ByteRecord::new();
    // Reading from memory, with rows of any length allowed, has no error.
    while matches!(reader.read_byte_record(&mut record), Ok(true)) {
        let place = record.position().map_or((0, 0), |at| (at.byte(), at.line()));
        // The reader counts blank lines before a row as part of it.
        let begin = usize::try_from(place.0).unwrap_or_default();
        let blank = marked[begin..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
        let blank = blank.filter(|byte| **byte == b'\n').count();
        rows.push((usize::try_from(place.1).unwrap_or_default() + blank, record.clone()));
    }
    rows
}

/// The delimiter by which the first row has the most names that we know.
fn delimiter(bytes: &[u8]) -> u8 {
    let header =
        bytes.split(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    let score = |delimiter: &u8| {
        let row = rows(header, *delimiter)
            .into_iter()
            .next()
            .map(|(_, row)| StringRecord::from_byte_record_lossy(row));
        row.map_or(0, |row| known_names(&row))
    };
    // The last of the best is taken, so the first choice stands last.
    DELIMITERS.into_iter().rev().max_by_key(score).unwrap_or(b',')
}

fn booking(
    line: usize,
    row: ByteRecord,
    columns: &Columns,
    options: &Options,
) -> Result<(ImportedBooking, Option<String>), Fault> {
    let fault = |field: &str, reason: &str| Fault::new(line, field, reason);
    let row = StringRecord::from_byte_record(row)
        .map_err(|_| fault("", "is not in UTF-8; save the file as \"CSV UTF-8\""))?;
    if row.len() != columns.count {
        return Err(fault("", &format!("has {} columns, the first row has {}", row.len(), columns.count)));
    }
    let text = |field| columns.text(&row, field);
    let name_of = |field: Field| match field {
        Field::Id => "id",
        Field::Resource => "resource",
        Field::Email => "email",
        Field::Name => "name",
        Field::Phone => "phone",
        Field::Start | Field::StartDate => "start",
        Field::End | Field::EndDate => "end",
        Field::Zone => "time zone",
        Field::Title => "title",
        Field::State => "state",
    };
    for field in [Field::Id, Field::Resource, Field::Email, Field::Name, Field::Title] {
        if text(field).is_some_and(|text| text.contains(['\n', '\r', '\u{0}'])) {
            return Err(fault(name_of(field), "has a line break; is a quote missing?"));
        }
        if field != Field::Title && text(field).is_some_and(|text| text.chars().count() > TEXT_MAX_CHARS) {
            return Err(fault(name_of(field), &format!("is longer than {TEXT_MAX_CHARS} characters")));
        }
    }

    let state = state(text(Field::State)).map_err(|reason| fault("state", reason))?;
    let zone = match text(Field::Zone) {
        Some(name) => zone::parse(name).map_err(|error| fault("time zone", &error.to_string()))?,
        None => options.zone,
    };
    let start_date = text(Field::StartDate);
    let starts_at = moment(text(Field::Start), start_date, zone).map_err(|reason| fault("start", reason))?;
    let end_date = text(Field::EndDate).or(start_date);
    let ends_at = moment(text(Field::End), end_date, zone).map_err(|reason| fault("end", reason))?;
    if ends_at <= starts_at {
        return Err(fault("end", "must be after the start"));
    }

    let resource = text(Field::Resource).map(str::to_owned).or_else(|| options.resource.clone());
    let email = text(Field::Email).map(str::parse::<EmailAddress>).transpose();
    let email = email.map_err(|error| fault("email", &error.to_string()))?.or_else(|| options.person.clone());
    if state != State::Cancelled {
        if resource.is_none() {
            return Err(fault("resource", "is missing, and no default was given"));
        }
        if email.is_none() {
            return Err(fault("email", "is missing, and no default was given"));
        }
    }
    let phone = text(Field::Phone).map(|number| PhoneNumber::parse(number, options.country)).transpose();
    let note = phone.as_ref().err().map(|error| format!("taken without the phone number, which {error}"));

    let external_ref = match text(Field::Id) {
        Some(id) if id.len() > REF_MAX_BYTES => return Err(fault("id", "is longer than 255 bytes")),
        Some(id) => id.to_owned(),
        None => {
            let rfc3339 = |at: Timestamp| at.to_rfc3339_opts(SecondsFormat::Secs, true);
            let resource = resource.as_deref().unwrap_or_default();
            let email = email.as_ref().map_or("", EmailAddress::as_str).to_lowercase();
            content_ref("csv", [resource, &email, &rfc3339(starts_at), &rfc3339(ends_at)])
        }
    };
    let booking = ImportedBooking {
        line,
        external_ref,
        resource,
        person_email: email,
        person_name: text(Field::Name).map(str::to_owned),
        phone: phone.ok().flatten(),
        starts_at,
        ends_at,
        title: shortened(text(Field::Title).unwrap_or_default()),
        state,
    };
    Ok((booking, note))
}

/// A moment from one cell with date and time, or from two.
fn moment(cell: Option<&str>, date: Option<&str>, zone: chrono_tz::Tz) -> Result<Timestamp, &'static str> {
    match (cell, date) {
        (Some(cell), Some(date)) if times::time(cell).is_some() => {
            times::moment(&format!("{date} {cell}"), zone)
        }
        (Some(cell), None) if times::time(cell).is_some() => Err("has a time but no date"),
        (Some(cell), _) => times::moment(cell, zone),
        (None, Some(date)) => times::moment(date, zone),
        (None, None) => Err("is missing"),
    }
}

fn state(text: Option<&str>) -> Result<State, &'static str> {
    match text.unwrap_or_default().to_lowercase().as_str() {
        "" | "confirmed" | "approved" | "accepted" | "booked" | "reserved" | "active" | "paid"
        | "completed" => Ok(State::Confirmed),
        "tentative" | "pending" | "requested" | "unconfirmed" | "on hold" | "waiting" => Ok(State::Tentative),
        "cancelled" | "canceled" | "declined" | "rejected" | "deleted" | "expired" | "no-show" => {
            Ok(State::Cancelled)
        }
        _ => Err("is unknown; write confirmed, tentative or cancelled"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::testing::options;
    use proptest::prelude::*;

    fn import(text: &str) -> Import {
        read(text.as_bytes(), &options()).unwrap()
    }

    fn reasons(import: &Import) -> Vec<(usize, &str, &str)> {
        import
            .refused
            .iter()
            .map(|refused| (refused.line, refused.field.as_str(), refused.reason.as_str()))
            .collect()
    }

    #[test]
    fn a_full_row_is_taken() {
        let import = import(
            "ID,Room,Email,Name,Mobile,Start,End,Title,Status\n\
             B-7,Blue Room,ada@example.org,Ada L.,0664 1234567,2027-03-08 09:30,2027-03-08 11:00,Review,Pending\n",
        );
        assert_eq!(import.refused, []);
        let booking = &import.bookings[0];
        assert_eq!((booking.line, booking.external_ref.as_str()), (2, "B-7"));
        assert_eq!(booking.resource.as_deref(), Some("Blue Room"));
        assert_eq!(booking.person_email.as_ref().unwrap().as_str(), "ada@example.org");
        assert_eq!(booking.person_name.as_deref(), Some("Ada L."));
        assert_eq!(booking.phone.as_ref().unwrap().as_str(), "+436641234567");
        assert_eq!(booking.starts_at.to_rfc3339(), "2027-03-08T08:30:00+00:00");
        assert_eq!(booking.ends_at.to_rfc3339(), "2027-03-08T10:00:00+00:00");
        assert_eq!((booking.title.as_str(), booking.state), ("Review", State::Tentative));
    }

    #[test]
    fn any_delimiter_line_ending_and_byte_order_mark_will_do() {
        for text in [
            "room,email,start,end\nBlue,a@example.org,2027-03-08 09:00,2027-03-08 10:00\n",
            "room;email;start;end\r\nBlue;a@example.org;2027-03-08 09:00;2027-03-08 10:00\r\n",
            "\n\nroom\temail\tstart\tend\nBlue\ta@example.org\t2027-03-08 09:00\t2027-03-08 10:00",
            "\u{feff}\"room\";\"email\";\"start, local\";start;end\nBlue;a@example.org;;2027-03-08 09:00;2027-03-08 10:00\n",
        ] {
            let import =
                crate::import::read(crate::import::Format::Csv, text.as_bytes(), &options()).unwrap();
            assert_eq!(import.refused, [], "{text:?}");
            assert_eq!(import.bookings[0].resource.as_deref(), Some("Blue"), "{text:?}");
        }
    }

    #[test]
    fn dates_and_times_can_stand_in_columns_of_their_own() {
        let import = import(
            "Subject,Start Date,Start Time,End Date,End Time,Location,E-Mail,Time Zone\n\
             Night,2027-03-08,10:00 PM,2027-03-09,6:00 AM,Lab,a@example.org,America/New_York\n\
             Day,08.03.2027,09:00,,17:00,Lab,a@example.org,\n",
        );
        assert_eq!(import.refused, []);
        let windows: Vec<_> =
            import.bookings.iter().map(|b| (b.starts_at.to_rfc3339(), b.ends_at.to_rfc3339())).collect();
        assert_eq!(windows[0], ("2027-03-09T03:00:00+00:00".into(), "2027-03-09T11:00:00+00:00".into()));
        assert_eq!(windows[1], ("2027-03-08T08:00:00+00:00".into(), "2027-03-08T16:00:00+00:00".into()));
    }

    #[test]
    fn what_can_not_be_taken_is_listed_by_line_and_the_rest_is_taken() {
        let mut bytes = b"room,email,start,end,status\n\
            Blue,a@example.org,2027-03-08 09:00,2027-03-08 10:00,\n\
            Blue,nobody,2027-03-08 09:00,2027-03-08 10:00,\n\
            \n\
            Blue,a@example.org,03/04/2027 09:00,2027-03-08 10:00,\n\
            Blue,a@example.org,2027-03-08 09:00,2027-03-08 09:00,\n\
            ,a@example.org,2027-03-08 09:00,2027-03-08 10:00,\n\
            Blue,,2027-03-08 09:00,2027-03-08 10:00,\n\
            Blue,a@example.org,2027-03-08 09:00,2027-03-08 10:00,maybe\n\
            Blue,a@example.org,2027-03-08 09:00\n\
            Blue,A@example.org,2027-03-08 08:00Z,2027-03-08 10:00,\n\
            Bl"
        .to_vec();
        bytes.extend(b"\xfcte,a@example.org,2027-03-08 09:00,2027-03-08 10:00,\n");
        bytes.extend(b",,2027-03-08 09:00,2027-03-08 10:00,cancelled\n");
        let import = read(&bytes, &options()).unwrap();
        assert_eq!(import.bookings.iter().map(|booking| booking.line).collect::<Vec<_>>(), [2, 13]);
        assert_eq!(
            reasons(&import),
            [
                (3, "email", "must be an email address such as ada@example.org"),
                (5, "start", "is ambiguous: day or month first? Write the date as YYYY-MM-DD"),
                (6, "end", "must be after the start"),
                (7, "resource", "is missing, and no default was given"),
                (8, "email", "is missing, and no default was given"),
                (9, "state", "is unknown; write confirmed, tentative or cancelled"),
                (10, "", "has 3 columns, the first row has 5"),
                (11, "", "is the same booking as line 2"),
                (12, "", "is not in UTF-8; save the file as \"CSV UTF-8\""),
            ]
        );
        assert!(import.refused[0].what.starts_with("Blue, nobody, 2027"));
    }

    #[test]
    fn defaults_stand_in_for_what_a_row_does_not_say() {
        let mut options = options();
        options.resource = Some("Blue".into());
        options.person = "desk@example.org".parse().ok();
        let import = read(b"start,end\n2027-03-08 09:00,2027-03-08 10:00\n", &options).unwrap();
        assert_eq!(import.bookings[0].resource.as_deref(), Some("Blue"));
        assert_eq!(import.bookings[0].person_email.as_ref().unwrap().as_str(), "desk@example.org");
    }

    #[test]
    fn the_reference_of_a_row_without_id_does_not_hang_on_its_spelling() {
        let one = import("room,email,start,end\nBlue,a@example.org,2027-03-08 09:00,2027-03-08 10:00\n");
        let two = import(
            "title,end,start,email,room\nx,08.03.2027 10:00,2027-03-08T08:00:00Z,A@EXAMPLE.org, Blue \n",
        );
        assert_eq!(one.bookings[0].external_ref, two.bookings[0].external_ref);
        assert!(one.bookings[0].external_ref.starts_with("csv:"));
    }

    #[test]
    fn a_wrong_phone_number_costs_the_number_and_not_the_booking() {
        let import =
            import("room,email,phone,start,end\nBlue,a@example.org,12,2027-03-08 09:00,2027-03-08 10:00\n");
        assert_eq!(import.bookings[0].phone, None);
        assert!(import.notes[0].text.contains("phone number"));
    }

    #[test]
    fn a_quote_that_is_never_closed_hides_nothing() {
        let import = import(
            "room,email,start,end,title\n\
             Blue,a@example.org,2027-03-08 09:00,2027-03-08 10:00,fine\n\
             Blue,a@example.org,2027-03-09 09:00,2027-03-09 10:00,\"oops\n\
             Blue,a@example.org,2027-03-10 09:00,2027-03-10 10:00,lost\n",
        );
        assert_eq!(import.bookings.len(), 1);
        assert_eq!(import.refused.len(), 1);
        assert_eq!(import.refused[0].line, 3);
        assert!(import.refused[0].reason.contains("never closed"));
    }

    #[test]
    fn a_file_without_what_every_booking_needs_is_refused() {
        assert_eq!(read(b"", &options()), Err(FileError::Empty));
        assert!(read(b"\n \n", &options()).is_err());
        assert_eq!(read(b"\xff\xfer\0o\0", &options()), Err(FileError::Utf16));
        assert!(matches!(
            read(b"room,start\n", &options()),
            Err(FileError::ColumnMissing { missing: "the end", .. })
        ));
    }

    fn cell() -> impl Strategy<Value = String> {
        prop_oneof![
            "[ -~]{0,12}".prop_map(|text| text.replace(['"', ',', ';'], "")),
            Just("2027-03-08 09:00".to_owned()),
            Just("2027-03-08 10:00".to_owned()),
            Just("a@example.org".to_owned()),
            "[äöü€\u{1F600}]{1,3}",
        ]
    }

    proptest! {
        #[test]
        fn every_row_is_imported_or_refused(rows in proptest::collection::vec((cell(), cell(), cell(), cell()), 0..40)) {
            let mut text = String::from("room,email,start,end\n");
            for (a, b, c, d) in &rows {
                // A leading letter keeps the row from being blank.
                text.push_str(&format!("r{a},{b},{c},{d}\n"));
            }
            let import = import(&text);
            let mut lines: Vec<usize> = import.bookings.iter().map(|booking| booking.line)
                .chain(import.refused.iter().map(|refused| refused.line)).collect();
            lines.sort_unstable();
            prop_assert_eq!(lines, (2..rows.len() + 2).collect::<Vec<_>>());
        }

        #[test]
        fn no_text_of_quotes_and_delimiters_loses_a_row(text in "[a\",;\t\r\n0-9:. -]{0,300}") {
            let text = format!("room,email,start,end\n{text}");
            let import = import(&text);
            let seen = import.bookings.len() + import.refused.len();
            let rows = rows(text.as_bytes(), b',').len();
            // The header is no row; the end mark is one only if no quote was left open.
            prop_assert!(seen == rows - 2 || seen == rows - 1, "{} of {}", seen, rows);
        }
    }
}
