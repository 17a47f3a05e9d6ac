//! Which column of a table holds what.

use csv::StringRecord;

use crate::import::FileError;

/// What a column can be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Id,
    Resource,
    Email,
    Name,
    Phone,
    Start,
    StartDate,
    End,
    EndDate,
    Zone,
    Title,
    State,
}

/// The names by which columns are known, the surest first: where a table has two, the first of
/// them counts. Compared without regard to case, blanks and punctuation, so that `start_time`,
/// `Start Time` and `START-TIME` are one.
const NAMES: [(Field, &str); 12] = [
    (
        Field::Id,
        "id, booking id, reservation id, uid, external ref, external id, reference, ref, \
         booking number, confirmation number",
    ),
    (
        Field::Resource,
        "resource, resource name, room, room name, meeting room, space, space name, desk, \
         desk name, office, asset, location",
    ),
    (
        Field::Email,
        "email, email address, mail, member email, person email, customer email, user email, \
         guest email, booker email, attendee email, organizer email",
    ),
    (
        Field::Name,
        "name, full name, person, person name, member, member name, customer, customer name, user, \
         user name, guest, guest name, booker, booked by, booked for",
    ),
    (
        Field::Phone,
        "phone, phone number, mobile, mobile phone, mobile number, telephone, tel, cell, cell phone",
    ),
    (
        Field::Start,
        "starts at, start at, start, starts, start date time, start time, from, begin, begins, \
         time from",
    ),
    (Field::StartDate, "start date, date, day, booking date, date from"),
    (Field::End, "ends at, end at, end, ends, end date time, end time, to, until, time to"),
    (Field::EndDate, "end date, date to"),
    (Field::Zone, "time zone, tz, zone"),
    (
        Field::Title,
        "title, booking title, subject, summary, event, event name, meeting, purpose, description",
    ),
    (Field::State, "state, status, booking status"),
];

fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split(", ")
}

/// Where a table's columns are.
#[derive(Debug)]
pub(super) struct Columns {
    /// How many columns the table has.
    pub(super) count: usize,
    places: Vec<(Field, usize)>,
}

impl Columns {
    /// Reads the header row.
    pub(super) fn of(header: &StringRecord) -> Result<Self, FileError> {
        let keys: Vec<String> = header.iter().map(key).collect();
        let mut places = Vec::new();
        for (field, list) in NAMES {
            for name in names(list) {
                let mut found = (0..keys.len()).filter(|column| keys[*column] == key(name));
                let Some(column) = found.next() else { continue };
                if found.next().is_some() {
                    return Err(FileError::ColumnTwice { name: header[column].trim().to_owned() });
                }
                places.push((field, column));
                break;
            }
        }
        let columns = Self { count: header.len(), places };
        for (missing, field, or) in
            [("the start", Field::Start, Field::StartDate), ("the end", Field::End, Field::EndDate)]
        {
            if !columns.has(field) && !columns.has(or) {
                let accepted = NAMES.iter().find(|(of, _)| *of == field).map_or("", |(_, list)| list);
                let found = header.iter().map(str::trim).collect::<Vec<_>>().join(", ");
                return Err(FileError::ColumnMissing {
                    missing,
                    accepted: accepted.to_owned(),
                    found: found.chars().take(500).collect(),
                });
            }
        }
        Ok(columns)
    }

    /// What a row has in the column of that field: trimmed, and nothing if it is empty.
    pub(super) fn text<'r>(&self, row: &'r StringRecord, field: Field) -> Option<&'r str> {
        let column = self.place(field)?;
        row.get(column).map(str::trim).filter(|text| !text.is_empty())
    }

    fn has(&self, field: Field) -> bool {
        self.place(field).is_some()
    }

    fn place(&self, field: Field) -> Option<usize> {
        self.places.iter().find(|(of, _)| *of == field).map(|(_, column)| *column)
    }
}

/// How many of a row's cells are names of columns that we know.
pub(super) fn known_names(row: &StringRecord) -> usize {
    let known = |cell: &str| NAMES.iter().any(|(_, list)| names(list).any(|name| key(name) == key(cell)));
    row.iter().filter(|cell| known(cell)).count()
}

fn key(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(names: &[&str]) -> Result<Columns, FileError> {
        Columns::of(&StringRecord::from(names.to_vec()))
    }

    #[test]
    fn names_are_known_whatever_their_case_order_and_punctuation() {
        let columns = columns(&["END_TIME", "Start Time", " e-mail ", "Room"]).unwrap();
        let row = StringRecord::from(vec!["10:00", "09:00", " ada@example.org ", ""]);
        assert_eq!(columns.text(&row, Field::Start), Some("09:00"));
        assert_eq!(columns.text(&row, Field::End), Some("10:00"));
        assert_eq!(columns.text(&row, Field::Email), Some("ada@example.org"));
        assert_eq!(columns.text(&row, Field::Resource), None);
        assert_eq!(columns.text(&row, Field::Phone), None);
    }

    #[test]
    fn the_surer_of_two_names_counts() {
        let columns = columns(&["Location", "Room", "start", "end"]).unwrap();
        let row = StringRecord::from(vec!["Main Street 1", "Blue", "x", "y"]);
        assert_eq!(columns.text(&row, Field::Resource), Some("Blue"));
    }

    #[test]
    fn a_missing_or_doubled_column_is_said() {
        let error = columns(&["start", "Room"]).unwrap_err().to_string();
        assert!(error.contains("the end") && error.contains("ends at") && error.contains("Room"), "{error}");
        assert!(matches!(columns(&["start", "Start", "end"]), Err(FileError::ColumnTwice { .. })));
    }

    #[test]
    fn no_name_stands_for_two_fields() {
        let mut all: Vec<String> = NAMES.iter().flat_map(|(_, list)| names(list).map(key)).collect();
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
