//! What can go wrong, said so that a person at a terminal knows what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// One of the two servers that this crate starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// PostgreSQL, 15 or newer.
    Postgres,
    /// NATS with JetStream, 2.9 or newer.
    Nats,
}

impl Server {
    /// The Debian package that brings it.
    pub fn package(self) -> &'static str {
        match self {
            Self::Postgres => "postgresql",
            Self::Nats => "nats-server",
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgres => "PostgreSQL",
            Self::Nats => "NATS",
        })
    }
}

/// Why a server could not be found, started or used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A certificate can't be made.
    #[error("cannot make a certificate")]
    Certificate {
        /// Why.
        #[source]
        source: rcgen::Error,
    },
    /// The server's program is nowhere.
    #[error(
        "{server} {needed} or newer is not installed; on Debian or Ubuntu run: apt-get install {}",
        server.package()
    )]
    Missing {
        /// Which server.
        server: Server,
        /// The oldest version that will do.
        needed: &'static str,
    },
    /// The server's program is there, but too old.
    #[error(
        "{server} {found} is too old, {needed} or newer is needed; if apt-get install {} brings no \
         newer one, see {} for packages",
        server.package(), match server { Server::Postgres => "apt.postgresql.org", Server::Nats => "nats.io/download" }
    )]
    TooOld {
        /// Which server.
        server: Server,
        /// What was found, such as `13.4`.
        found: String,
        /// The oldest version that will do.
        needed: &'static str,
    },
    /// The data was written by a PostgreSQL that is no longer installed.
    #[error(
        "the data in {dir} was made by PostgreSQL {made_by}, which is not installed: install \
         postgresql-{made_by}, or move the folder away to start empty"
    )]
    ClusterVersion {
        /// The server's data folder.
        dir: PathBuf,
        /// The major version that the data needs.
        made_by: String,
    },
    /// Another run holds the folder.
    #[error("{dir} is in use by another run that is still alive; stop that one first")]
    InUse {
        /// The server's data folder.
        dir: PathBuf,
    },
    /// The data is there, but not the password that opens it.
    #[error("{dir} has data but no password file; put the file back, or move the folder away to start empty")]
    PasswordLost {
        /// The server's data folder.
        dir: PathBuf,
    },
    /// Something else listens on the port. The caller knows which setting changes it.
    #[error("port {port} on 127.0.0.1, which {server} should listen on, is taken by another program")]
    PortTaken {
        /// Which server wanted it.
        server: Server,
        /// The port.
        port: u16,
    },
    /// No free port was found.
    #[error("no free port on 127.0.0.1 for {server}")]
    NoFreePort {
        /// Which server wanted it.
        server: Server,
    },
    /// PostgreSQL refuses to run as root and there is no other user to run it as.
    #[error("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as")]
    NoUser,
    /// PostgreSQL must run as another user, who cannot get into the data folder.
    #[error(
        "PostgreSQL does not run as root, and user {user}, as which it would run, cannot get into {dir}: \
         put the data folder where that user can go (such as below /var/lib), or do not start as root"
    )]
    OutOfReach {
        /// The server's data folder.
        dir: PathBuf,
        /// The user's name, or number if it has none.
        user: String,
    },
    /// A file or a program could not be used.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried, such as `create`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A helper program ended with a failure.
    #[error("{program} failed:\n{output}")]
    Helper {
        /// The program, such as `initdb`.
        program: String,
        /// The last lines of what it said.
        output: String,
    },
    /// The server ended while starting.
    #[error("{server} did not start; the last lines of {log}:\n{tail}")]
    Died {
        /// Which server.
        server: Server,
        /// Its log file.
        log: PathBuf,
        /// What it said at last.
        tail: String,
    },
    /// The server runs but did not answer in time.
    #[error("{server} did not answer within {seconds} seconds; the last lines of {log}:\n{tail}")]
    Silent {
        /// Which server.
        server: Server,
        /// How long it had.
        seconds: u64,
        /// Its log file.
        log: PathBuf,
        /// What it said at last.
        tail: String,
    },
    /// The call needs a server that runs, or one that does not.
    #[error("{server} is {}running", if *.running { "" } else { "not " })]
    State {
        /// Which server.
        server: Server,
        /// Whether it runs.
        running: bool,
    },
    /// Not a name for a database.
    #[error("{0:?} is no database name: 1 to 63 lower-case letters, digits and _, a letter first")]
    DatabaseName(String),
    /// PostgreSQL refused a statement.
    #[error("PostgreSQL refused")]
    Database(#[from] sqlx::Error),
    /// A setting in the configuration that the server cannot take.
    #[error("{0:?} is no PostgreSQL setting name")]
    SettingName(String),
    /// What is missing cannot be installed from here.
    #[error("cannot install what is missing from here; {0}")]
    CannotInstall(String),
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}
