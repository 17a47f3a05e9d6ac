//! What the methods do (Switch, Input, Shelly; CommonErrors).

use domain::Clock as _;
use serde_json::{Map, Value, json};

use super::super::{Board, Device, State};
use super::{Shelly, ShellyChannel, seconds};

/// The methods that this Shelly's firmware may know.
const METHODS: [&str; 9] = [
    "Input.GetStatus",
    "Shelly.GetDeviceInfo",
    "Shelly.GetStatus",
    "Shelly.ListMethods",
    "Switch.GetConfig",
    "Switch.GetStatus",
    "Switch.Set",
    "Switch.SetConfig",
    "Switch.Toggle",
];

/// Why a Shelly says no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum RpcError {
    #[error("Argument 'id', value {0} not found!")]
    NotFound(i64),
    #[error("Missing or bad required argument '{0}'!")]
    InvalidArgument(&'static str),
    #[error("No handler for {0}")]
    NoHandler(String),
}

impl RpcError {
    pub(super) fn json(&self) -> Value {
        let code = match self {
            Self::NotFound(_) => -105,
            Self::InvalidArgument(_) => -103,
            Self::NoHandler(_) => 404,
        };
        json!({ "code": code, "message": self.to_string() })
    }
}

pub(super) fn id(board: &Board) -> String {
    settings(&board.lock()).id
}

fn settings(state: &State) -> Shelly {
    match &state.device {
        Device::Shelly(shelly) => shelly.clone(),
        _ => Shelly::default(),
    }
}

pub(super) fn device_info(board: &Board) -> Value {
    let shelly = settings(&board.lock());
    let mac = shelly.id.rsplit('-').next().unwrap_or_default().to_uppercase();
    json!({
        "name": null, "id": shelly.id, "mac": mac, "slot": 0, "model": shelly.model, "gen": 2,
        "fw_id": format!("20241011-114455/{}-g2b0a77a", shelly.version), "ver": shelly.version, "app": "Pro2",
        "auth_en": shelly.password.is_some(),
        "auth_domain": shelly.password.is_some().then_some(shelly.id),
    })
}

pub(super) fn call(board: &Board, called: &str, params: &Map<String, Value>) -> Result<Value, RpcError> {
    let unknown = || RpcError::NoHandler(called.to_owned());
    let mut state = board.lock();
    let shelly = settings(&state);
    if shelly.unknown_methods.iter().any(|method| method == called) {
        return Err(unknown());
    }
    match called {
        "Shelly.GetDeviceInfo" => {
            drop(state);
            Ok(device_info(board))
        }
        "Shelly.ListMethods" => {
            let known =
                METHODS.iter().filter(|method| !shelly.unknown_methods.iter().any(|it| it == *method));
            Ok(json!({ "methods": known.collect::<Vec<_>>() }))
        }
        "Shelly.GetStatus" => {
            let mut all = Map::new();
            for channel in 0..state.contacts.len() {
                all.insert(format!("switch:{channel}"), switch_status(&state, channel));
            }
            for (input, is_on) in state.inputs.iter().enumerate() {
                all.insert(format!("input:{input}"), json!({ "id": input, "state": is_on }));
            }
            all.insert("sys".to_owned(), json!({ "restart_required": false, "uptime": 4711 }));
            Ok(all.into())
        }
        "Input.GetStatus" => {
            let input = id_among(params, state.inputs.len())?;
            Ok(json!({ "id": input, "state": state.inputs[input] }))
        }
        "Switch.GetStatus" => {
            let channel = id_among(params, state.contacts.len())?;
            Ok(switch_status(&state, channel))
        }
        "Switch.GetConfig" => {
            let channel = id_among(params, state.contacts.len())?;
            let mut config = json!(shelly.channel(channel));
            config["id"] = json!(channel);
            Ok(config)
        }
        "Switch.SetConfig" => {
            let channel = id_among(params, state.contacts.len())?;
            let changes = params.get("config").and_then(Value::as_object);
            let changes = changes.ok_or(RpcError::InvalidArgument("config"))?;
            let mut config = json!(shelly.channel(channel));
            let fields = changes.iter().filter(|(name, _)| *name != "id");
            fields.for_each(|(name, value)| config[name] = value.clone());
            let config: ShellyChannel =
                serde_json::from_value(config).map_err(|_| RpcError::InvalidArgument("config"))?;
            if let Device::Shelly(shelly) = &mut state.device {
                if shelly.channels.len() <= channel {
                    shelly.channels.resize_with(channel + 1, ShellyChannel::default);
                }
                shelly.channels[channel] = config;
            }
            Ok(json!({ "restart_required": false }))
        }
        "Switch.Set" => {
            let channel = id_among(params, state.contacts.len())?;
            let on = params.get("on").and_then(Value::as_bool).ok_or(RpcError::InvalidArgument("on"))?;
            let toggle_after = match params.get("toggle_after") {
                None => None,
                Some(value) => {
                    let after = value.as_f64().filter(|after| *after > 0.0);
                    Some(seconds(after.ok_or(RpcError::InvalidArgument("toggle_after"))?))
                }
            };
            let was_on = state.contacts[channel].is_closed();
            let flips_after = toggle_after.or(shelly.channel(channel).flips_after(on));
            state.contacts[channel].set(on, flips_after, board.clock.now());
            Ok(json!({ "was_on": was_on }))
        }
        "Switch.Toggle" => {
            let channel = id_among(params, state.contacts.len())?;
            let was_on = state.contacts[channel].is_closed();
            let flips_after = shelly.channel(channel).flips_after(!was_on);
            state.contacts[channel].set(!was_on, flips_after, board.clock.now());
            Ok(json!({ "was_on": was_on }))
        }
        _ => Err(unknown()),
    }
}

fn id_among(params: &Map<String, Value>, count: usize) -> Result<usize, RpcError> {
    let id = params.get("id").and_then(Value::as_i64).ok_or(RpcError::InvalidArgument("id"))?;
    usize::try_from(id).ok().filter(|id| *id < count).ok_or(RpcError::NotFound(id))
}

fn switch_status(state: &State, channel: usize) -> Value {
    let contact = &state.contacts[channel];
    let mut status = json!({ "id": channel, "source": "HTTP_in", "output": contact.is_closed() });
    if let Some(timer) = contact.timer() {
        let ms = |delta: chrono::TimeDelta| delta.num_milliseconds();
        #[expect(clippy::cast_precision_loss, reason = "times of our age are exact to the millisecond")]
        let seconds = |ms: i64| ms as f64 / 1_000.0;
        status["timer_started_at"] = json!(seconds(timer.started_at.timestamp_millis()));
        status["timer_duration"] = json!(seconds(ms(timer.ends_at - timer.started_at)));
    }
    status
}
