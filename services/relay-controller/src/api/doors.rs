//! Calls that move doors.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};

use super::input::{self, Channel, Input};
use super::report;
use crate::bank::Done;
use crate::controller::{ChannelChange, ChannelReport, Controller, PinAnswer};
use crate::error::Error;
use crate::request::{Action, ChannelNumber, Request, RequestId};
use crate::span::{HoldLength, Lease, PulseLength};

type Here = State<Arc<Controller>>;
type Told<T> = Result<Json<T>, Error>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plain {
    id: String,
    actor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pulse {
    id: String,
    ms: Option<u64>,
    actor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hold {
    id: String,
    lease_ms: u64,
    for_ms: u64,
    actor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Renew {
    hold: String,
    lease_ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    name: Option<String>,
    default_pulse_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pin {
    channel: u16,
    pin: String,
}

/// A request that was done.
#[derive(Serialize)]
pub(super) struct Answer {
    id: RequestId,
    action: &'static str,
    channel: Option<ChannelNumber>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    for_ms: Option<u64>,
    repeated: bool,
}

impl Answer {
    fn new(id: RequestId, Done { action, repeated }: &Done) -> Self {
        let (ms, lease_ms, for_ms) = match action {
            Action::Pulse(_, length) => (length.map(PulseLength::ms), None, None),
            Action::Hold(_, lease, length) => (None, Some(lease.ms()), Some(length.ms())),
            Action::Lock(_) | Action::LockDown(_) | Action::Lift(_) => (None, None, None),
        };
        let (channel, action) = (action.channel(), action.word());
        Self { id, action, channel, ms, lease_ms, for_ms, repeated: *repeated }
    }
}

#[derive(Serialize)]
pub(super) struct Renewed {
    hold: RequestId,
    channel: ChannelNumber,
    off_in_ms: u64,
}

async fn carry_out(
    controller: &Arc<Controller>,
    id: String,
    actor: Option<String>,
    action: Action,
) -> Told<Answer> {
    let (id, actor) = (input::id("id", id)?, input::actor(actor)?);
    let done = controller.carry_out(Request { id: id.clone(), action, actor }).await?;
    Ok(Json(Answer::new(id, &done)))
}

pub(super) async fn pulse(here: Here, channel: Channel, Input(body): Input<Pulse>) -> Told<Answer> {
    let length = body.ms.map(PulseLength::from_ms).transpose()?;
    carry_out(&here, body.id, body.actor, Action::Pulse(channel.0, length)).await
}

pub(super) async fn hold(here: Here, channel: Channel, Input(body): Input<Hold>) -> Told<Answer> {
    let (lease, length) = (Lease::from_ms(body.lease_ms)?, HoldLength::from_ms(body.for_ms)?);
    carry_out(&here, body.id, body.actor, Action::Hold(channel.0, lease, length)).await
}

pub(super) async fn renew(here: Here, channel: Channel, Input(body): Input<Renew>) -> Told<Renewed> {
    let (hold, lease) = (input::id("hold", body.hold)?, Lease::from_ms(body.lease_ms)?);
    let off_in_ms = here.renew(channel.0, hold.clone(), lease).await?;
    Ok(Json(Renewed { hold, channel: channel.0, off_in_ms }))
}

pub(super) async fn lock(here: Here, channel: Channel, Input(body): Input<Plain>) -> Told<Answer> {
    carry_out(&here, body.id, body.actor, Action::Lock(channel.0)).await
}

pub(super) async fn lock_down(here: Here, channel: Channel, Input(body): Input<Plain>) -> Told<Answer> {
    carry_out(&here, body.id, body.actor, Action::LockDown(Some(channel.0))).await
}

pub(super) async fn lock_down_all(here: Here, Input(body): Input<Plain>) -> Told<Answer> {
    carry_out(&here, body.id, body.actor, Action::LockDown(None)).await
}

pub(super) async fn lift(here: Here, channel: Channel, Input(body): Input<Plain>) -> Told<Answer> {
    carry_out(&here, body.id, body.actor, Action::Lift(Some(channel.0))).await
}

pub(super) async fn lift_all(here: Here, Input(body): Input<Plain>) -> Told<Answer> {
    carry_out(&here, body.id, body.actor, Action::Lift(None)).await
}

pub(super) async fn request(here: Here, Path(id): Path<String>) -> Told<Answer> {
    let id = input::id("id", id)?;
    let action = here.find(id.clone()).await?;
    Ok(Json(Answer::new(id, &Done { action, repeated: true })))
}

pub(super) async fn change(here: Here, channel: Channel, Input(body): Input<Change>) -> Told<ChannelReport> {
    let default_pulse = body.default_pulse_ms.map(PulseLength::from_ms).transpose();
    let default_pulse = default_pulse.map_err(|range| range.of_field("default_pulse_ms"))?;
    here.change(channel.0, ChannelChange { name: body.name, default_pulse }).await?;
    report::channel(here, channel).await
}

pub(super) async fn pin(here: Here, Input(body): Input<Pin>) -> Told<PinAnswer> {
    let channel = input::channel(&here, body.channel)?;
    Ok(Json(here.enter_pin(channel, body.pin).await?))
}
