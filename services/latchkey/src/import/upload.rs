//! `latchkey import bookings`: reads a file and makes the platform's bookings what it says. What can't be
//! taken is listed by line; all else is imported. A file can be imported again: a booking is known by its
//! reference.

use std::collections::HashMap;

use anyhow::Context as _;
use chassis::input::timestamp;
use domain::{Clock as _, SystemClock, Window};
use proto::workspace::v1 as pb;
use tonic::Status;

use super::{Format, Holder, Import, ImportedBooking, Options, State};
use crate::cli::{BookingsArgs, HolderArg};
use crate::client::{Client, said};
use crate::installation::DataDir;

/// Of one repeated event at most so many occurrences are taken: a daily one for more than two years.
const OCCURRENCES_MAX: usize = 800;

pub(crate) async fn run(args: &BookingsArgs) -> anyhow::Result<()> {
    let data = DataDir::configured()?;
    let client = Client::new(&data.running()?.gateway, &data)?;
    let workspace = match &args.workspace {
        Some(name) => name.clone(),
        None => data.demo()?.workspace,
    };
    let file_name = args.file.to_string_lossy();
    let format = Format::of_file_name(&file_name)
        .with_context(|| format!("{file_name} is neither a .csv nor an .ics file"))?;
    let bytes = std::fs::read(&args.file).with_context(|| format!("cannot read {file_name}"))?;

    let mut uploader = Uploader::new(client, workspace, renames(&args.rename)?).await?;
    let default = args.resource.as_deref().map(|text| uploader.resource(text)).transpose()?;
    let location = uploader.location_of(default.as_deref()).await?;
    let now = SystemClock.now();
    let options = Options {
        zone: domain::zone::parse(&location.time_zone)?,
        resource: default,
        person: args.person.as_deref().map(str::parse).transpose().context("--person")?,
        country: location.country.parse().ok(),
        holder: match args.holder {
            HolderArg::Organizer => Holder::Organizer,
            HolderArg::Attendee => Holder::Attendee,
        },
        horizon: Window::new(now, now + chrono::Duration::days(args.days.max(1)))?,
        occurrences_max: OCCURRENCES_MAX,
    };
    let import = super::read(format, &bytes, &options)?;
    uploader.upload(&import, args.dry_run).await;
    uploader.report(&import, args.dry_run);
    Ok(())
}

/// What the file calls resources, in lower case, and what they are called here.
fn renames(args: &[String]) -> anyhow::Result<HashMap<String, String>> {
    args.iter()
        .map(|arg| {
            let (there, here) =
                arg.split_once('=').with_context(|| format!("--rename {arg:?} has no '='"))?;
            Ok((there.trim().to_lowercase(), here.trim().to_owned()))
        })
        .collect()
}

/// What became of the file.
#[derive(Debug, Default)]
struct Tally {
    created: usize,
    changed: usize,
    cancelled: usize,
    unchanged: usize,
    refused: Vec<(usize, String)>,
}

struct Uploader {
    client: Client,
    workspace: String,
    renames: HashMap<String, String>,
    resources: Vec<pb::Resource>,
    people: HashMap<String, String>,
    tally: Tally,
}

impl Uploader {
    async fn new(
        mut client: Client,
        workspace: String,
        renames: HashMap<String, String>,
    ) -> anyhow::Result<Self> {
        let mut resources = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = pb::ListResourcesRequest { parent: workspace.clone(), page_size: 500, page_token };
            let page = client.places.list_resources(request).await.map_err(|s| anyhow::anyhow!(said(&s)))?;
            let page = page.into_inner();
            resources.extend(page.resources);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        let (people, tally) = (HashMap::new(), Tally::default());
        Ok(Self { client, workspace, renames, resources, people, tally })
    }

    /// A resource by its name or by what it is called.
    fn resource(&self, text: &str) -> anyhow::Result<String> {
        let text = text.trim();
        let text = self.renames.get(&text.to_lowercase()).map_or(text, String::as_str);
        let mut found = self
            .resources
            .iter()
            .filter(|r| r.name == text || r.display_name.trim().eq_ignore_ascii_case(text));
        match (found.next(), found.next()) {
            (Some(resource), None) => Ok(resource.name.clone()),
            (Some(_), Some(_)) => anyhow::bail!("several resources are called {text:?}; write the full name"),
            (None, _) => anyhow::bail!(
                "no resource is called {text:?}; add --rename {:?} for one that it is called here",
                format!("{text}=…")
            ),
        }
    }

    /// The location whose clock counts: that of the default resource, else of the first one.
    async fn location_of(&mut self, resource: Option<&str>) -> anyhow::Result<pb::Location> {
        let found = self.resources.iter().find(|r| resource.is_none_or(|name| r.name == name));
        let name = found.context("the workspace has no resource yet")?.location.clone();
        let request = pb::GetLocationRequest { name };
        let answer = self.client.places.get_location(request).await.map_err(|s| anyhow::anyhow!(said(&s)))?;
        answer.into_inner().location.context("the location is missing")
    }

    async fn upload(&mut self, import: &Import, is_dry_run: bool) {
        for booking in &import.bookings {
            if is_dry_run {
                match booking.resource.as_deref().map(|text| self.resource(text)) {
                    Some(Err(error)) => self.tally.refused.push((booking.line, error.to_string())),
                    _ => self.tally.unchanged += 1,
                }
            } else if let Err(reason) = self.take(booking).await {
                self.tally.refused.push((booking.line, reason));
            }
        }
    }

    /// Makes one booking what the file says.
    async fn take(&mut self, booking: &ImportedBooking) -> Result<(), String> {
        let request = pb::ListBookingsRequest {
            parent: self.workspace.clone(),
            external_ref: booking.external_ref.clone(),
            ..Default::default()
        };
        let known = self.client.bookings.list_bookings(request).await.map_err(|s| said(&s))?;
        match known.into_inner().bookings.into_iter().next() {
            None if booking.state == State::Cancelled => Ok(()),
            None => self.create(booking).await,
            Some(known) => self.follow(known, booking).await.map_err(|s| said(&s)),
        }
    }

    async fn create(&mut self, booking: &ImportedBooking) -> Result<(), String> {
        if booking.ends_at <= SystemClock.now() {
            return Err("end: the booking is over".to_owned());
        }
        let resource = booking.resource.as_deref().ok_or("resource: none is named")?;
        let resource = self.resource(resource).map_err(|error| format!("resource: {error}"))?;
        let person = self.person(booking).await?;
        let request = pb::CreateBookingRequest {
            parent: self.workspace.clone(),
            booking: Some(pb::Booking {
                resource,
                person,
                start_time: Some(timestamp(booking.starts_at)),
                end_time: Some(timestamp(booking.ends_at)),
                title: booking.title.clone(),
                external_ref: booking.external_ref.clone(),
                ..Default::default()
            }),
            request_id: String::new(),
        };
        let created = self.client.bookings.create_booking(request).await.map_err(|s| said(&s))?;
        if booking.state == State::Confirmed {
            let name = created.into_inner().booking.unwrap_or_default().name;
            let request = pb::ConfirmBookingRequest { name, request_id: String::new() };
            self.client.bookings.confirm_booking(request).await.map_err(|s| said(&s))?;
        }
        self.tally.created += 1;
        Ok(())
    }

    async fn follow(&mut self, known: pb::Booking, booking: &ImportedBooking) -> Result<(), Status> {
        let bookings = &mut self.client.bookings;
        let name = known.name.clone();
        let request_id = String::new();
        let is_open = matches!(known.state(), pb::BookingState::Pending | pb::BookingState::Confirmed);
        if booking.state == State::Cancelled {
            if is_open {
                let reason = "cancelled in the calendar it was imported from".to_owned();
                bookings.cancel_booking(pb::CancelBookingRequest { name, reason, request_id }).await?;
                self.tally.cancelled += 1;
            } else {
                self.tally.unchanged += 1;
            }
            return Ok(());
        }
        let (start_time, end_time) = (Some(timestamp(booking.starts_at)), Some(timestamp(booking.ends_at)));
        let is_moved = (&known.start_time, &known.end_time) != (&start_time, &end_time);
        let is_confirmed_now =
            booking.state == State::Confirmed && known.state() == pb::BookingState::Pending;
        if is_moved {
            let request = pb::RescheduleBookingRequest {
                name: name.clone(),
                start_time,
                end_time,
                request_id: request_id.clone(),
            };
            bookings.reschedule_booking(request).await?;
        }
        if is_confirmed_now {
            bookings.confirm_booking(pb::ConfirmBookingRequest { name, request_id }).await?;
        }
        if is_moved || is_confirmed_now {
            self.tally.changed += 1;
        } else {
            self.tally.unchanged += 1;
        }
        Ok(())
    }

    /// The person with the booking's address, added if nobody has it.
    async fn person(&mut self, booking: &ImportedBooking) -> Result<String, String> {
        let email = booking.person_email.as_ref().ok_or("person: none is named")?.as_str().to_owned();
        if let Some(name) = self.people.get(&email) {
            return Ok(name.clone());
        }
        let request = pb::ListPeopleRequest {
            parent: self.workspace.clone(),
            email: email.clone(),
            ..Default::default()
        };
        let found = self.client.people.list_people(request).await.map_err(|s| said(&s))?.into_inner().people;
        let name = match found.into_iter().next() {
            Some(person) => person.name,
            None => {
                let request = pb::CreatePersonRequest {
                    parent: self.workspace.clone(),
                    person: Some(pb::Person {
                        display_name: booking.person_name.clone().unwrap_or_else(|| email.clone()),
                        email: email.clone(),
                        phone: booking.phone.as_ref().map(|p| p.as_str().to_owned()).unwrap_or_default(),
                        role: proto::auth::v1::Role::Guest.into(),
                        ..Default::default()
                    }),
                    request_id: String::new(),
                };
                let created = self.client.people.create_person(request).await.map_err(|s| said(&s))?;
                created.into_inner().person.unwrap_or_default().name
            }
        };
        self.people.insert(email, name.clone());
        Ok(name)
    }

    fn report(&self, import: &Import, is_dry_run: bool) {
        for note in &import.notes {
            println!("line {}: {}: {}", note.line, note.what, note.text);
        }
        for refused in &import.refused {
            println!(
                "line {}: not taken: {}: {} {}",
                refused.line, refused.what, refused.field, refused.reason
            );
        }
        for (line, reason) in &self.tally.refused {
            println!("line {line}: not taken: {reason}");
        }
        let not_taken = import.refused.len() + self.tally.refused.len();
        let tally = &self.tally;
        if is_dry_run {
            println!("{} bookings could be taken, {not_taken} could not; nothing was done", tally.unchanged);
        } else {
            println!(
                "{} created, {} changed, {} cancelled, {} unchanged, {not_taken} not taken",
                tally.created, tally.changed, tally.cancelled, tally.unchanged
            );
        }
    }
}
