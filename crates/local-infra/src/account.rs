//! Whom PostgreSQL runs as. It refuses to run as root, so root starts it as another user.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use nix::unistd::{Uid, User, geteuid};
use tokio::process::Command;

use crate::Error;
use crate::binaries::which;

/// Users who may run the server for root, the best first.
const USERS: [&str; 2] = ["postgres", "nobody"];
/// The search path of everything that is started here. Nothing else of our environment is handed
/// on: it can hold secrets, and another user's processes are readable by that user.
pub(crate) const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Lets the server pass folders that its user cannot, such as /root, and gives no right to write.
const REACH: [&str; 2] = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"];

/// The user a server runs as.
pub(crate) enum Account {
    /// Ourselves.
    Own,
    /// Another user: root starts the server through `setpriv` (util-linux).
    Other { uid: u32, gid: u32, setpriv: PathBuf, reach: bool },
}

impl Account {
    /// Finds the user for a data folder and gives them the folder. `cluster` is the database
    /// cluster in it, there or not: its owner goes on to run it.
    pub(crate) async fn for_folder(folder: &Path, cluster: &Path) -> Result<Self, Error> {
        if !geteuid().is_root() {
            return Ok(Self::Own);
        }
        let owner = fs::metadata(cluster).ok().map(|meta| (meta.uid(), meta.gid()));
        let (uid, gid) = match owner.filter(|&(uid, _)| uid != 0) {
            Some(owner) => owner,
            None => USERS
                .iter()
                .find_map(|name| User::from_name(name).ok().flatten())
                .map(|user| (user.uid.as_raw(), user.gid.as_raw()))
                .ok_or(Error::NoUser)?,
        };
        chown(folder, Some(uid), Some(gid)).map_err(Error::io("change the owner of", folder))?;
        let setpriv = which("setpriv").await.ok_or_else(|| Error::Io {
            action: "find",
            path: "setpriv".into(),
            source: std::io::Error::new(std::io::ErrorKind::NotFound, "install util-linux"),
        })?;
        for reach in [false, true] {
            let account = Self::Other { uid, gid, setpriv: setpriv.clone(), reach };
            if account.can_enter(folder).await {
                return Ok(account);
            }
        }
        Err(Error::OutOfReach { dir: folder.to_owned(), user: name_of(uid) })
    }

    /// Gives a file that we made to this user.
    pub(crate) fn give(&self, path: &Path) -> Result<(), Error> {
        match self {
            Self::Own => Ok(()),
            Self::Other { uid, gid, .. } => {
                chown(path, Some(*uid), Some(*gid)).map_err(Error::io("change the owner of", path))
            }
        }
    }

    /// The words that start `program` as this user.
    pub(crate) fn words(&self, program: &Path) -> Vec<std::ffi::OsString> {
        let mut words = Vec::new();
        if let Self::Other { uid, gid, setpriv, reach } = self {
            words.push(setpriv.into());
            words.push(format!("--reuid={uid}").into());
            words.push(format!("--regid={gid}").into());
            words.push("--clear-groups".into());
            words.extend(REACH.iter().filter(|_| *reach).map(Into::into));
        }
        words.push(program.into());
        words
    }

    /// A command that runs `program` as this user, without our environment.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let words = self.words(Path::new(program.as_ref()));
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .env_clear()
            .env("PATH", SEARCH_PATH)
            .env("LC_ALL", "C")
            .stdin(Stdio::null());
        command
    }

    async fn can_enter(&self, folder: &Path) -> bool {
        let attempt =
            self.command("/bin/sh").args(["-c", "cd -- \"$0\" && test -w ."]).arg(folder).output().await;
        attempt.is_ok_and(|output| output.status.success())
    }
}

fn name_of(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => user.name,
        _ => uid.to_string(),
    }
}
