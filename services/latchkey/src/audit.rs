//! `latchkey audit`: who changed what.

mod sheet;

use std::io::ErrorKind;

use anyhow::Context as _;
use chassis::input::timestamp;
use chrono::{DateTime, NaiveDate, NaiveTime};
use clap::{Args, Subcommand};
use domain::Timestamp;
use domain::names::WorkspaceName;
use proto::audit::v1 as pb;

use self::sheet::{Format, Sheet};
use crate::client::{Client, said};
use crate::installation::DataDir;

/// What to do with the log.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a workspace's log to standard output, oldest entries first.
    Export(ExportArgs),
}

/// Which part of it, and how.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The workspace, such as workspaces/0193….
    workspace: String,
    /// How to write it.
    #[arg(long, value_enum, default_value = "csv")]
    format: Format,
    /// Only from then on: 2027-03-08T09:30:00+01:00, or 2027-03-08 for the day's begin in UTC.
    #[arg(long, value_parser = moment)]
    from: Option<Timestamp>,
    /// Only until just before then, written likewise.
    #[arg(long, value_parser = moment)]
    to: Option<Timestamp>,
}

pub(crate) async fn run(command: &Command) -> anyhow::Result<()> {
    let Command::Export(args) = command;
    let WorkspaceName(_) = args.workspace.parse().with_context(|| format!("{:?}", args.workspace))?;
    let data = DataDir::configured()?;
    let client = Client::new(&data.running()?.gateway, &data)?;
    match export(client, args).await {
        // Whoever reads has seen enough.
        Err(error) if is_broken_pipe(&error) => Ok(()),
        outcome => outcome,
    }
}

async fn export(mut client: Client, args: &ExportArgs) -> anyhow::Result<()> {
    let refused = |status| anyhow::anyhow!("{}", said(&status));
    let request = pb::ExportAuditEntriesRequest {
        parent: args.workspace.clone(),
        start_time: args.from.map(timestamp),
        end_time: args.to.map(timestamp),
    };
    let mut answers = client.audit.export_audit_entries(request).await.map_err(refused)?.into_inner();
    let mut sheet = Sheet::begin(args.format, std::io::stdout())?;
    let mut last = None;
    loop {
        let entry = match answers.message().await {
            Ok(Some(answer)) => answer.audit_entry.context("the platform's answer has no entry")?,
            Ok(None) => return Ok(sheet.finish()?),
            Err(status) => {
                sheet.finish()?;
                let error = refused(status);
                return Err(match last {
                    Some(time) => error.context(format!("broke off; go on with --from {time}")),
                    None => error,
                });
            }
        };
        sheet.write(&entry)?;
        last = Some(sheet::time(&entry));
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// A moment in RFC 3339, or the begin of a day in UTC.
pub(crate) fn moment(text: &str) -> Result<Timestamp, &'static str> {
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Ok(day.and_time(NaiveTime::MIN).and_utc());
    }
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.to_utc())
        .map_err(|_| "write it as 2027-03-08 or 2027-03-08T09:30:00+01:00")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_day_or_has_an_offset() {
        let read = |text| moment(text).map(|time| time.to_rfc3339());
        assert_eq!(read("2027-03-08").unwrap(), "2027-03-08T00:00:00+00:00");
        assert_eq!(read("2027-03-08T09:30:00+01:00").unwrap(), "2027-03-08T08:30:00+00:00");
        for text in ["", "yesterday", "2027-03-08T09:30:00", "2027-13-08"] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }
}
