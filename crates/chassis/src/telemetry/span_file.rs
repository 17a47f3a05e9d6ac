//! Spans as lines of JSON in a file, for one machine without a collector. `latchkey trace` reads it.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use serde::{Deserialize, Serialize};

/// The file is begun anew at this size; the one before is kept beside it with `.old`.
const BYTES_MAX: u64 = 32 * 1024 * 1024;

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpanLine {
    /// 32 hexadecimal digits.
    pub trace: String,
    /// 16 hexadecimal digits.
    pub span: String,
    /// The span that it is part of; sixteen zeros for none.
    pub parent: String,
    /// What was done.
    pub name: String,
    /// `Server`, `Client`, `Consumer`, `Producer` or `Internal`.
    pub kind: String,
    /// The module that did it.
    pub target: String,
    /// Microseconds since 1970.
    pub start_us: u64,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// What else is known, by name.
    pub attributes: Vec<(String, String)>,
}

/// Appends spans to a file. Several processes may share one.
#[derive(Debug)]
pub(super) struct SpanFile {
    path: PathBuf,
    file: Mutex<File>,
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

impl SpanFile {
    pub(super) fn open(path: &Path) -> std::io::Result<Self> {
        Ok(Self { path: path.to_owned(), file: Mutex::new(open(path)?) })
    }

    fn append(&self, spans: &[SpanData]) -> std::io::Result<()> {
        let mut text = Vec::new();
        for span in spans {
            serde_json::to_writer(&mut text, &line(span))?;
            text.push(b'\n');
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.metadata()?.len() > BYTES_MAX {
            std::fs::rename(&self.path, self.path.with_extension("old"))?;
            *file = open(&self.path)?;
        }
        file.write_all(&text)
    }
}

impl SpanExporter for SpanFile {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.append(&batch).map_err(|error| OTelSdkError::InternalFailure(error.to_string()))
    }
}

fn line(span: &SpanData) -> SpanLine {
    let micros = |time: SystemTime| {
        time.duration_since(UNIX_EPOCH)
            .map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    };
    let mut target = String::new();
    let mut attributes = Vec::new();
    for attribute in &span.attributes {
        match attribute.key.as_str() {
            "target" => target = attribute.value.to_string(),
            "busy_ns" | "idle_ns" => {}
            name => attributes.push((name.to_owned(), attribute.value.to_string())),
        }
    }
    let start_us = micros(span.start_time);
    SpanLine {
        trace: span.span_context.trace_id().to_string(),
        span: span.span_context.span_id().to_string(),
        parent: span.parent_span_id.to_string(),
        name: span.name.to_string(),
        kind: format!("{:?}", span.span_kind),
        target,
        start_us,
        duration_us: micros(span.end_time).saturating_sub(start_us),
        attributes,
    }
}
