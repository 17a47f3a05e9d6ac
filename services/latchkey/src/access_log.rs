//! `latchkey access-log`: whether the log of what happened at doors is as it was written.

use access_control::access_log::Chain;
use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use domain::names::WorkspaceName;
use proto::access::v1 as pb;

use crate::client::{Client, said};
use crate::installation::DataDir;

/// What to do with the log.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read a workspace's whole log, and check that no entry was changed, taken out or put in.
    Verify(VerifyArgs),
}

/// Which log.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The workspace, such as workspaces/0193….
    workspace: String,
    /// What an earlier check said of the last entry, such as 1234:9f86d0…: that one must still be there as it was.
    #[arg(long)]
    noted: Option<String>,
}

pub(crate) async fn run(command: &Command) -> anyhow::Result<()> {
    let Command::Verify(args) = command;
    let WorkspaceName(_) = args.workspace.parse().with_context(|| format!("{:?}", args.workspace))?;
    let data = DataDir::configured()?;
    let client = Client::new(&data.running()?.gateway, &data)?;
    println!("{}", verify(client, &args.workspace, args.noted.as_deref()).await?);
    Ok(())
}

/// Checks a log, and says what its last entry is.
async fn verify(mut client: Client, workspace: &str, noted: Option<&str>) -> anyhow::Result<String> {
    let refused = |status| anyhow::anyhow!("{}", said(&status));
    let newest =
        pb::ListAccessLogRequest { parent: workspace.to_owned(), page_size: 1, ..Default::default() };
    let newest = client.access_log.list_access_log(newest).await.map_err(refused)?.into_inner();
    let chain = begin(newest.anchor)?;
    let last = newest.entries.first().map_or(chain.sequence, |entry| entry.sequence);
    let whole = pb::WatchAccessLogRequest {
        parent: workspace.to_owned(),
        after_sequence: Some(chain.sequence),
        ..Default::default()
    };
    let mut answers = client.access_log.watch_access_log(whole).await.map_err(refused)?.into_inner();
    let mut check = Check::begin(chain, noted);
    while check.chain.sequence < last {
        let answer = answers.message().await.map_err(refused)?;
        for entry in answer.context("the log broke off: try again")?.entries {
            check.follow(&entry)?;
        }
    }
    check.finish()
}

/// Where the log begins: behind the last entry that was taken away, if any was.
fn begin(anchor: Option<pb::AccessLogAnchor>) -> anyhow::Result<Chain> {
    let Some(pb::AccessLogAnchor { sequence, hash }) = anchor else { return Ok(Chain::default()) };
    let hash = hash.try_into().ok().context("the platform's answer names no hash")?;
    Ok(Chain { sequence, hash })
}

/// A check under way.
struct Check<'a> {
    chain: Chain,
    noted: Option<&'a str>,
    has_seen: bool,
}

impl<'a> Check<'a> {
    fn begin(chain: Chain, noted: Option<&'a str>) -> Self {
        let mut check = Self { chain, noted, has_seen: false };
        check.has_seen = noted.is_none_or(|noted| noted == check.head());
        check
    }

    fn follow(&mut self, entry: &pb::AccessLogEntry) -> anyhow::Result<()> {
        if let Err(broken) = self.chain.follow(entry) {
            bail!("the log is not as it was written: {broken}");
        }
        self.has_seen |= self.noted == Some(&self.head());
        Ok(())
    }

    /// The last entry, as one can note it.
    fn head(&self) -> String {
        let hex: String = self.chain.hash.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}:{hex}", self.chain.sequence)
    }

    fn finish(&self) -> anyhow::Result<String> {
        if !self.has_seen {
            let noted = self.noted.unwrap_or_default();
            bail!("the log is not the one that was noted, or is not kept so far back: {noted} is not in it");
        }
        Ok(format!("{} entries, as they were written; the last one is {}", self.chain.sequence, self.head()))
    }
}

#[cfg(test)]
mod tests {
    use access_control::access_log::hash;

    use super::*;

    fn check(entries: &[pb::AccessLogEntry], noted: Option<&str>) -> Result<String, String> {
        let mut check = Check::begin(Chain::default(), noted);
        let followed = entries.iter().try_for_each(|entry| check.follow(entry));
        followed.and_then(|()| check.finish()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_log_holds_or_it_is_said_where_it_does_not() {
        let mut entries: Vec<pb::AccessLogEntry> = Vec::new();
        for sequence in 1..=3 {
            let mut entry = pb::AccessLogEntry { sequence, ..Default::default() };
            let previous = entries.last().map_or(vec![0; 32], |last| last.hash.clone());
            entry.hash = hash(&entry, &previous).to_vec();
            entries.push(entry);
        }
        let said = check(&entries, None).unwrap();
        assert!(said.starts_with("3 entries, as they were written; the last one is 3:"), "{said}");
        let noted = said.rsplit(' ').next().unwrap();
        assert!(check(&entries, Some(noted)).is_ok());
        let shorter = check(&entries[..2], Some(noted)).unwrap_err();
        assert!(shorter.contains("not the one that was noted"), "{shorter}");
        // The first two were taken away on their time.
        let anchor = pb::AccessLogAnchor { sequence: 2, hash: entries[1].hash.clone() };
        let mut rest = Check::begin(begin(Some(anchor)).unwrap(), None);
        rest.follow(&entries[2]).unwrap();
        assert_eq!(rest.head(), noted);
        entries[1].actor = "someone else".to_owned();
        assert!(check(&entries, None).unwrap_err().contains("entry 2"));
    }
}
