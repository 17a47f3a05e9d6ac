//! SQL. Functions take a connection and never open a transaction; each row struct is private to its
//! file.

pub(crate) mod access_log;
pub(crate) mod card;
pub(crate) mod clock_step;
pub(crate) mod door;
pub(crate) mod door_event;
pub(crate) mod door_schedule;
pub(crate) mod door_setting;
pub(crate) mod drift;
pub(crate) mod entitlement;
pub(crate) mod grant;
pub(crate) mod holiday;
pub(crate) mod integration;
pub(crate) mod lasting;
pub(crate) mod listing;
pub(crate) mod lockdown;
pub(crate) mod mapping;
pub(crate) mod operation;
pub(crate) mod person;
pub(crate) mod preflight;
pub(crate) mod provider_user;
pub(crate) mod retention;
pub(crate) mod secret;
pub(crate) mod settings;
pub(crate) mod way_in;
