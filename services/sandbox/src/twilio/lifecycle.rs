//! How a message moves on by the clock: `queued` → `sent` → `delivered`, or where its outcome leads.

use chrono::Duration;
use domain::Timestamp;

use super::callback::Callback;
use super::segments::measure;
use super::state::{Account, Message, Outcome, Pace, State, Status};

impl State {
    /// Moves all messages whose time has come. Returns what is to be posted: for each message its account's
    /// auth token and the callbacks in the order in which things happened.
    pub(crate) fn advance(&mut self, now: Timestamp) -> Vec<(String, Vec<Callback>)> {
        let mut posts = Vec::new();
        while let Some((at, key)) = self.due.first().cloned() {
            if at > now {
                break;
            }
            self.due.remove(&(at, key.clone()));
            let Some(message) = self.messages.get_mut(&key) else { continue };
            let Some(account) = self.accounts.get(&message.account_sid) else { continue };
            let mut callbacks = Vec::new();
            while let Some(at) = message.next_at.filter(|at| *at <= now) {
                step(message, account, self.pace, at);
                callbacks.extend(Callback::status_of(message, at));
            }
            if let Some(next_at) = message.next_at {
                self.due.insert((next_at, key));
            }
            if self.switches.is_reversed {
                let held = self.held.entry(message.sid.clone()).or_default();
                held.append(&mut callbacks);
                if message.next_at.is_none() {
                    callbacks = self.held.remove(&message.sid).unwrap_or_default();
                    callbacks.reverse();
                }
            }
            if !callbacks.is_empty() {
                posts.push((account.auth_token.clone(), callbacks));
            }
        }
        posts
    }
}

/// The next status, entered at `at`.
fn step(message: &mut Message, account: &Account, pace: Pace, at: Timestamp) {
    let after = |ms: u32| Some(at + Duration::milliseconds(ms.into()));
    let (status, next_at) = match (message.status, message.outcome) {
        (Status::Accepted | Status::Scheduled, _) => {
            choose_sender(message, account);
            (Status::Queued, after(pace.to_sent_ms))
        }
        (Status::Queued, Outcome::Failed(code)) => {
            message.error_code = Some(code);
            (Status::Failed, None)
        }
        (Status::Queued, _) => {
            message.sent_at = Some(at);
            (Status::Sent, after(pace.to_end_ms))
        }
        (Status::Sent, Outcome::Undelivered(code)) => {
            message.error_code = Some(code);
            (Status::Undelivered, None)
        }
        (Status::Sent, _) => (Status::Delivered, None),
        (ended, _) => (ended, None),
    };
    message.status = status;
    message.updated_at = at;
    message.next_at = next_at;
}

/// Only now the segments are known: a service's answer says 0 until it has chosen.
fn choose_sender(message: &mut Message, account: &Account) {
    message.segments = measure(&message.body).segments;
    let service = message.messaging_service_sid.as_ref().and_then(|sid| account.services.get(sid));
    if message.from.is_none() {
        message.from = service.and_then(|service| service.senders.first().cloned());
    }
}
