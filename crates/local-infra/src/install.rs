//! Installing the servers' packages, for a machine that has none.

use std::path::Path;
use std::process::Stdio;

use nix::unistd::geteuid;
use tokio::process::Command;

use crate::binaries::{self, which};
use crate::{Error, Server, log};

/// Installs the packages named as arguments.
///
/// Debian's postgresql package makes a database cluster of its own and starts it, which takes port
/// 5432 and memory for nothing; a drop-in for createcluster.conf keeps it from doing so during
/// this installation only (pg_createcluster manual page, create_main_cluster). Debian's
/// nats-server package starts a service on port 4222; it is switched off, as it was not there
/// before.
const INSTALL: &str = r#"
set -e
export DEBIAN_FRONTEND=noninteractive
folder=/etc/postgresql-common/createcluster.d
drop_in=$folder/latchkey-install.conf
trap 'rm -f "$drop_in"; rmdir --ignore-fail-on-non-empty "$folder" 2>/dev/null || true' EXIT
mkdir -p "$folder"
echo 'create_main_cluster = false' > "$drop_in"
apt-get update
apt-get install --yes --no-install-recommends "$@"
for package in "$@"; do
    if [ "$package" = nats-server ] && [ -d /run/systemd/system ]; then
        systemctl disable --now nats-server.service
    fi
done
"#;

/// Installs what is missing, PostgreSQL or NATS or both, and says what it installed. Works on
/// Debian and its like, as root or where `sudo` asks no password; elsewhere the error says what to
/// type. A server that is there already, however set up, is left as it is.
pub async fn install_missing() -> Result<Vec<Server>, Error> {
    let mut missing = Vec::new();
    match binaries::postgres(None).await {
        Err(Error::Missing { server, .. }) => missing.push(server),
        other => _ = other?,
    }
    match binaries::nats().await {
        Err(Error::Missing { server, .. }) => missing.push(server),
        other => _ = other?,
    }
    if missing.is_empty() {
        return Ok(missing);
    }
    let packages: Vec<&str> = missing.iter().map(|server| server.package()).collect();
    let mut command = installer(&packages).await?;
    tracing::info!(packages = packages.join(" "), "installing what is missing");
    let output = command
        .args(["-c", INSTALL, "latchkey-install"])
        .args(&packages)
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(Error::io("run", Path::new("apt-get")))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        return Err(Error::Helper { program: "apt-get".into(), output: log::last_lines(&said) });
    }
    // A distribution can be so old that its package is, too: that is said here.
    binaries::postgres(None).await?;
    binaries::nats().await?;
    Ok(missing)
}

/// A shell that may install packages.
async fn installer(packages: &[&str]) -> Result<Command, Error> {
    if which("apt-get").await.is_none() {
        let what = format!("this is no Debian: install {} in its own way", packages.join(" and "));
        return Err(Error::CannotInstall(what));
    }
    if geteuid().is_root() {
        return Ok(Command::new("/bin/sh"));
    }
    let asks_nothing = Command::new("sudo")
        .args(["--non-interactive", "true"])
        .stdin(Stdio::null())
        .output()
        .await
        .is_ok_and(|output| output.status.success());
    if !asks_nothing {
        return Err(Error::CannotInstall(format!("type: sudo apt-get install {}", packages.join(" "))));
    }
    let mut sudo = Command::new("sudo");
    sudo.args(["--non-interactive", "/bin/sh"]);
    Ok(sudo)
}
