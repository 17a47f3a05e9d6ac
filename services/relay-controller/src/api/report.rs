//! Calls about the controller itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::input::{Channel, Input, Parameters};
use crate::controller::{ChannelReport, ClockReport, Controller, Description, ListReport, Report};
use crate::error::Error;
use crate::log::Page;
use crate::offline::Signed;
use crate::time::is_plausible;

type Here = State<Arc<Controller>>;
type Told<T> = Result<Json<T>, Error>;

/// Entries of the log at once.
const ENTRIES_MAX: usize = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Clock {
    now: DateTime<Utc>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cursor {
    #[serde(default)]
    after: u64,
    #[serde(default = "entries_max")]
    limit: usize,
}

fn entries_max() -> usize {
    ENTRIES_MAX
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Acknowledge {
    through: u64,
}

#[derive(Serialize)]
pub(super) struct Acknowledged {
    acknowledged: u64,
}

pub(super) async fn describe(here: Here) -> Json<Description> {
    Json(here.describe())
}

pub(super) async fn state(here: Here) -> Told<Report> {
    Ok(Json(here.report().await?))
}

pub(super) async fn channel(State(here): Here, channel: Channel) -> Told<ChannelReport> {
    let mut channels = here.channel_reports().await?;
    Ok(Json(channels.swap_remove(channel.0.index())))
}

pub(super) async fn clock(here: Here, Input(body): Input<Clock>) -> Told<ClockReport> {
    if !is_plausible(body.now) {
        return Err(Error::TimeInvalid);
    }
    Ok(Json(here.tell_time(body.now).await))
}

pub(super) async fn offline_list(here: Here, Input(signed): Input<Signed>) -> Told<ListReport> {
    Ok(Json(here.take_list(signed).await?))
}

pub(super) async fn log(here: Here, Parameters(cursor): Parameters<Cursor>) -> Json<Page> {
    Json(here.log_after(cursor.after, cursor.limit.min(ENTRIES_MAX)).await)
}

pub(super) async fn acknowledge(here: Here, Input(body): Input<Acknowledge>) -> Told<Acknowledged> {
    Ok(Json(Acknowledged { acknowledged: here.acknowledge(body.through).await? }))
}
