//! The virus scanner: ClamAV's clamd, asked by `INSTREAM` (clamd(8)): pieces with their lengths before them, then a
//! length of 0; the answer names what was found.

use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufWriter};
use tokio::net::TcpStream;

use crate::config::ClamavConfig;

/// A command that ends with a zero byte, and so does its answer.
const COMMAND: &[u8] = b"zINSTREAM\0";

/// An answer is not longer.
const ANSWER_BYTES_MAX: u64 = 1024;

/// Where clamd is.
#[derive(Debug, Clone)]
pub(crate) struct Scanner {
    address: String,
    timeout: Duration,
}

/// What the scanner said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing was found.
    Clean,
    /// What was found, by ClamAV's name.
    Found(String),
}

/// Why a file was not scanned.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScanError {
    /// No connection, or it broke.
    #[error("the virus scanner at {address} does not answer")]
    Unreachable {
        address: String,
        #[source]
        source: std::io::Error,
    },
    /// It took too long.
    #[error("the virus scanner took longer than clamav.timeout_seconds")]
    TimedOut,
    /// It did not scan it.
    #[error("the virus scanner says {0:?}; clamd's StreamMaxLength must be as much as the largest file")]
    Failed(String),
}

impl Scanner {
    /// The scanner that the settings name, if they name one.
    pub(crate) fn by(config: &ClamavConfig) -> Option<Self> {
        let timeout = Duration::from_secs(config.timeout_seconds);
        (!config.address.is_empty()).then(|| Self { address: config.address.clone(), timeout })
    }

    /// Has something scanned, piece by piece.
    pub(crate) async fn scan(&self, body: ByteStream) -> Result<Verdict, ScanError> {
        let answer = tokio::time::timeout(self.timeout, self.ask(body)).await;
        let answer = answer.map_err(|_| ScanError::TimedOut)?;
        verdict(&answer.map_err(|source| ScanError::Unreachable { address: self.address.clone(), source })?)
    }

    async fn ask(&self, mut body: ByteStream) -> std::io::Result<String> {
        let mut connection = BufWriter::new(TcpStream::connect(&self.address).await?);
        connection.write_all(COMMAND).await?;
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(std::io::Error::other)?;
            let length = u32::try_from(piece.len()).map_err(std::io::Error::other)?;
            if length > 0 {
                connection.write_all(&length.to_be_bytes()).await?;
                connection.write_all(&piece).await?;
            }
        }
        connection.write_all(&0_u32.to_be_bytes()).await?;
        connection.flush().await?;
        let mut answer = String::new();
        connection.into_inner().take(ANSWER_BYTES_MAX).read_to_string(&mut answer).await?;
        Ok(answer)
    }
}

/// `stream: OK`, `stream: Eicar-Test-Signature FOUND`, or an error.
fn verdict(answer: &str) -> Result<Verdict, ScanError> {
    let answer = answer.trim_end_matches(['\0', '\n']);
    let said = answer.strip_prefix("stream: ").unwrap_or(answer);
    match said.strip_suffix(" FOUND") {
        Some(name) => Ok(Verdict::Found(name.to_owned())),
        None if said == "OK" => Ok(Verdict::Clean),
        None => Err(ScanError::Failed(answer.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_as_it_is_documented_and_all_else_is_no_verdict() {
        assert_eq!(verdict("stream: OK\0").unwrap(), Verdict::Clean);
        let found = Verdict::Found("Eicar-Test-Signature".to_owned());
        assert_eq!(verdict("stream: Eicar-Test-Signature FOUND\0").unwrap(), found);
        for wrong in ["", "INSTREAM size limit exceeded. ERROR\0", "stream: OKAY", "PONG\0"] {
            assert!(verdict(wrong).is_err(), "{wrong:?}");
        }
    }
}
