//! The request log: what was asked of each vendor, so that tests can count calls.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::Timestamp;
use serde::Serialize;

use crate::Vendor;

/// One request to a twin.
#[derive(Debug, Clone, Serialize)]
pub struct LoggedRequest {
    /// Whose API.
    pub vendor: Vendor,
    /// Such as `POST`.
    pub method: String,
    /// Below the vendor's prefix, without the query.
    pub path: String,
    /// The query as sent, without `?`.
    pub query: Option<String>,
    /// The account of its credentials, if they were valid.
    pub account: Option<String>,
    /// The status answered; none if the connection was dropped.
    pub status: Option<u16>,
    /// When it came in, by the sandbox's clock.
    pub at: Timestamp,
}

/// The latest requests, per vendor, oldest first.
#[derive(Debug)]
pub struct Requests {
    capacity: usize,
    by_vendor: BTreeMap<Vendor, Mutex<VecDeque<LoggedRequest>>>,
}

impl Requests {
    pub(crate) fn new(capacity: usize) -> Self {
        let by_vendor = Vendor::ALL.into_iter().map(|vendor| (vendor, Mutex::default())).collect();
        Self { capacity, by_vendor }
    }

    pub(crate) fn push(&self, request: LoggedRequest) {
        let mut log = self.log(request.vendor);
        if log.len() >= self.capacity {
            log.pop_front();
        }
        if self.capacity > 0 {
            log.push_back(request);
        }
    }

    /// What is in the log of `vendor`, oldest first.
    pub fn of(&self, vendor: Vendor) -> Vec<LoggedRequest> {
        self.log(vendor).iter().cloned().collect()
    }

    /// How many requests in the log of `vendor` satisfy `wanted`.
    pub fn count(&self, vendor: Vendor, wanted: impl Fn(&LoggedRequest) -> bool) -> usize {
        self.log(vendor).iter().filter(|request| wanted(request)).count()
    }

    /// Empties all logs.
    pub fn clear(&self) {
        for vendor in Vendor::ALL {
            self.log(vendor).clear();
        }
    }

    fn log(&self, vendor: Vendor) -> MutexGuard<'_, VecDeque<LoggedRequest>> {
        // The map has every vendor from the start.
        self.by_vendor[&vendor].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
