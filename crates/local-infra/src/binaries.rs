//! Where the servers' programs are on this machine, and whether they are new enough.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::{Error, Server};

const POSTGRES_NEEDED: &str = "15";
const NATS_NEEDED: &str = "2.9";
/// Where Debian and Ubuntu put PostgreSQL's programs, one folder for each major version.
const POSTGRES_ROOT: &str = "/usr/lib/postgresql";
/// Where Debian puts nats-server; not on the search path of users other than root.
const NATS_PLACES: [&str; 2] = ["/usr/sbin/nats-server", "/usr/local/sbin/nats-server"];

/// A version by its first two numbers, such as 2.9 or, for PostgreSQL, 15.18.
type Version = (u32, u32);

/// The programs of one PostgreSQL installation.
#[derive(Debug, Clone)]
pub(crate) struct PostgresPrograms {
    pub(crate) postgres: PathBuf,
    pub(crate) initdb: PathBuf,
    version: Version,
}

/// Finds PostgreSQL: the highest version that is new enough or, for data that exists, the one
/// major version that can read it.
pub(crate) async fn postgres(cluster: Option<(&Path, &str)>) -> Result<PostgresPrograms, Error> {
    let mut found = Vec::new();
    for postgres in postgres_candidates().await {
        let initdb = postgres.with_file_name("initdb");
        let versions = (version(&postgres).await, version(&initdb).await);
        if let (Some(version), Some((initdb_major, _))) = versions
            && version.0 == initdb_major
        {
            found.push(PostgresPrograms { postgres, initdb, version });
        }
    }
    choose_postgres(found, cluster)
}

fn choose_postgres(
    mut found: Vec<PostgresPrograms>,
    cluster: Option<(&Path, &str)>,
) -> Result<PostgresPrograms, Error> {
    found.sort_by_key(|programs| programs.version);
    let Some(newest) = found.last().cloned() else {
        return Err(Error::Missing { server: Server::Postgres, needed: POSTGRES_NEEDED });
    };
    if let Some((dir, made_by)) = cluster {
        let can_read = |programs: &PostgresPrograms| programs.version.0.to_string() == made_by;
        return found
            .into_iter()
            .rfind(can_read)
            .ok_or_else(|| Error::ClusterVersion { dir: dir.to_owned(), made_by: made_by.to_owned() });
    }
    if newest.version < parse_version(POSTGRES_NEEDED).unwrap_or_default() {
        let (major, minor) = newest.version;
        let found = format!("{major}.{minor}");
        return Err(Error::TooOld { server: Server::Postgres, found, needed: POSTGRES_NEEDED });
    }
    Ok(newest)
}

async fn postgres_candidates() -> Vec<PathBuf> {
    // Resolved, so that a link in /usr/bin leads to the folder where initdb is, too.
    let on_path = which("postgres").await.and_then(|path| path.canonicalize().ok());
    let installed = std::fs::read_dir(POSTGRES_ROOT).into_iter().flatten().flatten();
    let mut all: Vec<PathBuf> =
        on_path.into_iter().chain(installed.map(|entry| entry.path().join("bin/postgres"))).collect();
    all.sort();
    all.dedup();
    all
}

/// Finds nats-server: on the search path, else where Debian puts it.
pub(crate) async fn nats() -> Result<PathBuf, Error> {
    let places = which("nats-server").await.into_iter().chain(NATS_PLACES.map(PathBuf::from));
    let needed = parse_version(NATS_NEEDED).unwrap_or_default();
    let mut too_old = None;
    for program in places {
        match version(&program).await {
            Some(version) if version >= needed => return Ok(program),
            Some((major, minor)) => too_old = Some(format!("{major}.{minor}")),
            None => {}
        }
    }
    Err(match too_old {
        Some(found) => Error::TooOld { server: Server::Nats, found, needed: NATS_NEEDED },
        None => Error::Missing { server: Server::Nats, needed: NATS_NEEDED },
    })
}

/// Where a program of that name is on the search path. The shell looks, so that this crate does
/// not read the environment.
pub(crate) async fn which(name: &str) -> Option<PathBuf> {
    let output = Command::new("/bin/sh").args(["-c", "command -v -- \"$0\"", name]).output().await.ok()?;
    let path = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    (output.status.success() && path.is_absolute()).then_some(path)
}

/// The version that a program states, or nothing if it is not there or does not run.
async fn version(program: &Path) -> Option<Version> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output().await.ok()?;
    parse_version(std::str::from_utf8(&output.stdout).ok()?)
}

/// The first number in a text such as `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`,
/// `17beta1` or `nats-server: v2.9.10`.
fn parse_version(text: &str) -> Option<Version> {
    let mut numbers =
        text[text.find(|c: char| c.is_ascii_digit())?..].split(|c: char| !c.is_ascii_digit()).map(str::parse);
    let major = numbers.next()?.ok()?;
    Some((major, numbers.next().and_then(Result::ok).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(versions: &[Version]) -> Vec<PostgresPrograms> {
        versions
            .iter()
            .map(|&version| PostgresPrograms { postgres: PathBuf::new(), initdb: PathBuf::new(), version })
            .collect()
    }

    #[test]
    fn versions_are_read_as_the_programs_state_them() {
        assert_eq!(parse_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some((15, 18)));
        assert_eq!(parse_version("postgres (PostgreSQL) 19devel"), Some((19, 0)));
        assert_eq!(parse_version("nats-server: v2.10.22\n"), Some((2, 10)));
        assert_eq!(parse_version("nothing of the kind"), None);
    }

    #[test]
    fn the_newest_postgresql_that_will_do_is_taken() {
        assert_eq!(choose_postgres(installed(&[(17, 2), (13, 4), (15, 1)]), None).unwrap().version, (17, 2));
        let error = choose_postgres(installed(&[(13, 4)]), None).unwrap_err().to_string();
        assert!(error.contains("13.4") && error.contains("15 or newer"), "{error}");
        let error = choose_postgres(Vec::new(), None).unwrap_err().to_string();
        assert!(error.contains("apt-get install postgresql"), "{error}");
    }

    #[test]
    fn existing_data_wants_the_version_that_made_it() {
        let data = Some((Path::new("/data"), "15"));
        assert_eq!(choose_postgres(installed(&[(17, 2), (15, 1)]), data).unwrap().version, (15, 1));
        let error = choose_postgres(installed(&[(17, 2)]), data).unwrap_err().to_string();
        assert!(error.contains("postgresql-15") && error.contains("/data"), "{error}");
    }
}
