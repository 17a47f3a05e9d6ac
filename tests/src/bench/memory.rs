//! Memory of each process at rest.

use crate::{SERVICES, Stage};

/// Resident memory of each service, in MiB.
pub fn measure(stage: &Stage) -> Vec<(&'static str, f64)> {
    SERVICES
        .into_iter()
        .filter_map(|service| {
            let status = std::fs::read_to_string(format!("/proc/{}/status", stage.pid(service)?)).ok()?;
            let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
            let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
            Some((service, kib / 1_024.0))
        })
        .collect()
}
