//! `latchkey trace`: one trace as a tree, read from the file that `latchkey up` keeps.

use std::collections::HashMap;
use std::io::{BufRead as _, Write as _};

use anyhow::Context as _;
use chassis::telemetry::SpanLine;
use clap::Args;

use crate::installation::DataDir;

/// Which trace.
#[derive(Debug, Args)]
pub(crate) struct TraceArgs {
    /// Its 32 hexadecimal digits; the newest with a confirmed booking if left out.
    trace: Option<String>,
}

/// What a booking's confirmation is called.
const CONFIRM: &str = "latchkey.workspace.v1.BookingService/ConfirmBooking";

pub(crate) fn run(args: &TraceArgs) -> anyhow::Result<()> {
    let path = DataDir::configured()?.traces();
    let file = std::fs::File::open(&path)
        .with_context(|| format!("cannot read {}; is a platform running here?", path.display()))?;
    let spans: Vec<SpanLine> = std::io::BufReader::new(file)
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| serde_json::from_str(&line).ok())
        .collect();
    let trace = match &args.trace {
        Some(trace) => trace.clone(),
        None => spans
            .iter()
            .rev()
            .find(|span| span.name == CONFIRM)
            .map(|span| span.trace.clone())
            .context("no booking was confirmed yet; try `make demo`")?,
    };
    let mut spans: Vec<SpanLine> = spans.into_iter().filter(|span| span.trace == trace).collect();
    anyhow::ensure!(!spans.is_empty(), "there is no trace {trace} in {}", path.display());
    spans.sort_by_key(|span| span.start_us);
    let mut out = std::io::stdout().lock();
    let shown = writeln!(out, "trace {trace}: {} spans", spans.len())
        .and_then(|()| tree(&spans).into_iter().try_for_each(|line| writeln!(out, "{line}")));
    match shown {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        shown => Ok(shown?),
    }
}

/// Spans below their parents, with the time from the first span's start and how long each took.
fn tree(spans: &[SpanLine]) -> Vec<String> {
    let mut children: HashMap<&str, Vec<&SpanLine>> = HashMap::new();
    for span in spans {
        let is_known = spans.iter().any(|other| other.span == span.parent);
        children.entry(if is_known { &span.parent } else { "" }).or_default().push(span);
    }
    let first_us = spans.first().map_or(0, |span| span.start_us);
    let mut lines = Vec::with_capacity(spans.len());
    let mut open: Vec<(&SpanLine, usize)> =
        children.get("").into_iter().flatten().rev().map(|span| (*span, 0)).collect();
    while let Some((span, depth)) = open.pop() {
        lines.push(format!(
            "{:>9.1} ms {:>8.1} ms  {}{}  [{}]",
            (span.start_us - first_us) as f64 / 1_000.0,
            span.duration_us as f64 / 1_000.0,
            "  ".repeat(depth),
            span.name,
            span.target.split("::").next().unwrap_or_default(),
        ));
        let below = children.get(span.span.as_str()).into_iter().flatten();
        open.extend(below.rev().map(|child| (*child, depth + 1)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(span: &str, parent: &str, start_us: u64) -> SpanLine {
        SpanLine {
            trace: "t".into(),
            span: span.into(),
            parent: parent.into(),
            name: format!("span {span}"),
            kind: "Internal".into(),
            target: "workspace::app".into(),
            start_us,
            duration_us: 1_500,
            attributes: Vec::new(),
        }
    }

    #[test]
    fn spans_stand_below_their_parents_in_the_order_of_time() {
        let spans = [span("a", "0", 0), span("b", "a", 1_000), span("c", "b", 2_000), span("d", "a", 3_000)];
        let lines = tree(&spans);
        assert_eq!(lines[2], "      2.0 ms      1.5 ms      span c  [workspace]");
        let order: Vec<&str> = lines.iter().filter_map(|line| line.split("span ").nth(1)).collect();
        assert_eq!(order, ["a  [workspace]", "b  [workspace]", "c  [workspace]", "d  [workspace]"]);
    }
}
