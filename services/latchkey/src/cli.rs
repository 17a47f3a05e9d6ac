//! What can be typed.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{access_log, audit, dead_letters, demo, explain, import, keys, token, trace, up};

/// Latchkey: bookings open doors.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the whole platform on this machine, until Ctrl-C.
    Up,
    /// Install PostgreSQL and nats-server from Debian's packages if they are missing.
    Install,
    /// Print a token to call the API with.
    Token(token::TokenArgs),
    /// Look at messages that could not be processed, and replay them.
    DeadLetters {
        #[command(subcommand)]
        command: dead_letters::Command,
    },
    /// Read the log of who changed what.
    Audit {
        #[command(subcommand)]
        command: audit::Command,
    },
    /// Check the log of what happened at doors.
    AccessLog {
        #[command(subcommand)]
        command: access_log::Command,
    },
    /// Say why a person is let in at the doors of a room, or is not.
    Explain(explain::ExplainArgs),
    /// Look after the keys that credentials are sealed with.
    Keys {
        #[command(subcommand)]
        command: keys::Command,
    },
    /// Bring data of other systems in.
    Import {
        #[command(subcommand)]
        command: ImportCommand,
    },
    /// Make a booking and watch what comes of it.
    Demo,
    /// Print the spans of a trace, by default of the newest confirmed booking.
    Trace(trace::TraceArgs),
}

#[derive(Debug, Subcommand)]
enum ImportCommand {
    /// Bookings from a CSV or iCalendar (.ics) file.
    Bookings(BookingsArgs),
}

/// What a file of bookings leaves open.
#[derive(Debug, Clone, Args)]
pub struct BookingsArgs {
    /// A .csv or .ics file.
    pub file: PathBuf,
    /// The workspace, such as workspaces/0193…; the demo workspace if left out.
    #[arg(long)]
    pub workspace: Option<String>,
    /// The resource of bookings that name none: its name or what it is called.
    #[arg(long)]
    pub resource: Option<String>,
    /// What the file calls a resource, and what it is called here; may be given several times.
    #[arg(long, value_name = "THERE=HERE")]
    pub rename: Vec<String>,
    /// The email address of whom bookings belong to that name nobody.
    #[arg(long)]
    pub person: Option<String>,
    /// Whose booking an event is.
    #[arg(long, value_enum, default_value = "organizer")]
    pub holder: HolderArg,
    /// Repeated events are taken for so many days from now.
    #[arg(long, default_value_t = 365)]
    pub days: i64,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// Whose booking an event is.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum HolderArg {
    /// Who invited: a member's own calendar.
    Organizer,
    /// Who is invited: a calendar that the staff keeps for members.
    Attendee,
}

/// Runs a command.
pub fn run(cli: Cli) -> ExitCode {
    match cli.command {
        Command::Up => up::run(),
        Command::Install => plain(async || {
            for server in local_infra::install_missing().await? {
                println!("installed {}", server.package());
            }
            Ok(())
        }),
        Command::Token(args) => plain(async || token::run(&args)),
        Command::DeadLetters { command } => plain(async || dead_letters::run(command).await),
        Command::Audit { command } => plain(async || audit::run(&command).await),
        Command::AccessLog { command } => plain(async || access_log::run(&command).await),
        Command::Explain(args) => plain(async || explain::run(&args).await),
        Command::Keys { command } => plain(async || keys::run(&command).await),
        Command::Import { command: ImportCommand::Bookings(args) } => {
            plain(async || import::upload::run(&args).await)
        }
        Command::Demo => plain(demo::run),
        Command::Trace(args) => plain(async || trace::run(&args)),
    }
}

/// Runs a command that only talks to a running platform.
fn plain(command: impl AsyncFnOnce() -> anyhow::Result<()>) -> ExitCode {
    chassis::install_crypto();
    let outcome = tokio::runtime::Runtime::new()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(command()));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("latchkey: {error:#}");
            ExitCode::FAILURE
        }
    }
}
