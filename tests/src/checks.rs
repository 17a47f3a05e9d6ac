//! What must hold in the end: at the doors, in the mailboxes, in the ledgers.

use std::collections::HashMap;
use std::time::Duration;

use chrono::Duration as Span;
use domain::{Clock as _, SystemClock, Window};
use sqlx::PgPool;
use testkit::eventually;

use crate::Stage;
use crate::door::{Access, Door};
use crate::play::{Expected, World};

/// Lead and lag by default.
pub const MARGIN: Span = Span::minutes(15);

/// What a door's system should have of each person: the nearest window of the union of their bookings', widened.
pub fn wanted_access(world: &World, bookings: &[Expected], margin: Span) -> Access {
    let now = SystemClock.now();
    let mut windows: HashMap<usize, Vec<Window>> = HashMap::new();
    for booking in bookings.iter().filter(|booking| !booking.is_cancelled) {
        windows.entry(booking.person).or_default().push(booking.window.widened(margin, margin));
    }
    windows
        .into_iter()
        .filter_map(|(person, windows)| {
            let next = Window::union(windows).into_iter().find(|window| now < window.end())?;
            Some((world.people[person].1.clone(), (next.start(), next.end())))
        })
        .collect()
}

/// Waits until Kisi has exactly what it should.
pub async fn doors_are_right(stage: &Stage, world: &World, bookings: &[Expected], limit: Duration) {
    Door::of(stage, world).lets_in_exactly(|| wanted_access(world, bookings, MARGIN), limit).await;
}

/// Waits until every message has come to its end, then checks that each was sent once: the ledger's
/// sent messages and the vendors' are the same ones.
pub async fn messages_are_right(stage: &Stage, bookings: &[Expected], limit: Duration) {
    let pool = testkit::owner(&stage.database_url(), "notification").await.expect("connects");
    let steps: usize = bookings.iter().map(|booking| booking.steps).sum();
    eventually("all messages have come to their end", limit, async || ended(&pool, steps).await).await;

    let at_vendor: Vec<String> = stage
        .sandbox
        .sendgrid()
        .messages(&Default::default())
        .iter()
        .filter_map(|mail| mail.custom_arg("message").map(str::to_owned))
        .collect();
    compare("email", &of_channel(&pool, "email").await, at_vendor);
    let at_vendor =
        stage.sandbox.twilio().messages(&Default::default()).into_iter().map(|text| text.sid).collect();
    compare("text", &of_channel(&pool, "sms").await, at_vendor);
}

/// What the ledger says of one channel.
struct Ledger {
    /// How the vendor knows the messages that were sent: an email by our id, a text by Twilio's.
    sent: Vec<String>,
    /// Messages that a later one overtook while nobody knew whether they had been taken.
    in_doubt: usize,
}

async fn of_channel(pool: &PgPool, channel: &str) -> Ledger {
    let sent = sqlx::query_scalar(
        "select case channel when 'email' then id::text else vendor_ref end from message
         where channel = $1 and state = 'sent'",
    );
    let in_doubt = sqlx::query_scalar::<_, i64>(
        "select count(*) from message where channel = $1 and state = 'expired' and in_doubt_since is not null",
    );
    let in_doubt = in_doubt.bind(channel).fetch_one(pool).await.expect("the ledger can be read");
    Ledger {
        sent: sent.bind(channel).fetch_all(pool).await.expect("the ledger can be read"),
        in_doubt: usize::try_from(in_doubt).unwrap_or_default(),
    }
}

/// Nothing twice, nothing missing, and nothing else but what the ledger itself calls doubtful.
fn compare(what: &str, ledger: &Ledger, mut at_vendor: Vec<String>) {
    at_vendor.sort();
    let mut once = at_vendor.clone();
    once.dedup();
    assert_eq!(at_vendor.len(), once.len(), "a {what} was sent twice");
    let missing = ledger.sent.iter().filter(|key| once.binary_search(key).is_err()).count();
    assert_eq!(missing, 0, "the ledger says of a {what} that it was sent, but the vendor has not got it");
    let others = once.len() - ledger.sent.len();
    assert!(
        others <= ledger.in_doubt,
        "{others} {what}s more at the vendor than sent; {} in doubt",
        ledger.in_doubt
    );
}

/// Every step has its email and its text, and each is sent or was overtaken by a later step.
async fn ended(pool: &PgPool, steps: usize) -> Result<(), String> {
    // Besides the steps of bookings there are the PINs, as many as doors had them made.
    let rows: Vec<(String, bool, String, i64)> = sqlx::query_as(
        "select channel, kind in ('confirmed', 'rescheduled', 'cancelled') as is_step,
           case when state = 'expired' and last_error like '%SUPERSEDED%' then 'superseded'
             when state = 'failed' and last_error like '%WITHDRAWN%' then 'withdrawn' else state end as outcome,
           count(*)
         from message group by 1, 2, 3 order by 1, 2, 3",
    )
    .fetch_all(pool)
    .await
    .map_err(|error| error.to_string())?;
    for channel in ["email", "sms"] {
        let count = |is_meant: &dyn Fn(bool, &str) -> bool| -> i64 {
            let meant =
                rows.iter().filter(|(of, is_step, outcome, _)| of == channel && is_meant(*is_step, outcome));
            meant.map(|(_, _, _, count)| *count).sum()
        };
        let all = count(&|is_step, _| is_step);
        let is_done = |is_step: bool, outcome: &str| {
            matches!(outcome, "sent" | "superseded") || !is_step && outcome == "withdrawn"
        };
        let open = count(&|is_step, outcome| !is_done(is_step, outcome));
        if all != i64::try_from(steps).unwrap_or_default() || open != 0 {
            return Err(format!("{steps} steps; {rows:?}"));
        }
    }
    Ok(())
}
