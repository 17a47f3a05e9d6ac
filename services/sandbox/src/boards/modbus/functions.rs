//! What the functions do.

use chrono::TimeDelta;
use domain::Clock as _;

use super::super::Board;
use super::settings;

const FUNCTION: u8 = 1;
const ADDRESS: u8 = 2;
const VALUE: u8 = 3;
/// The device failed.
pub(super) const DEVICE_FAILURE: u8 = 4;
/// The device has no time.
pub(super) const BUSY: u8 = 6;

/// The address of all relays at once.
const ALL: u16 = 0x00ff;
const FLASH_ON: u16 = 0x0200;
const FLASH_OFF: u16 = 0x0400;

/// Whether it changes nothing.
pub(super) fn is_read(pdu: &[u8]) -> bool {
    matches!(pdu, [1..=4, ..])
}

/// What faults and the log call it: `/05/0200`.
pub(super) fn path(pdu: &[u8]) -> String {
    let function = pdu.first().copied().unwrap_or_default();
    format!("/{function:02x}/{:04x}", word(pdu, 1))
}

pub(super) fn exception(pdu: &[u8], code: u8) -> Vec<u8> {
    vec![pdu.first().copied().unwrap_or_default() | 0x80, code]
}

/// Carries a request out.
pub(super) fn call(board: &Board, pdu: &[u8]) -> Vec<u8> {
    let done = if settings(board).is_busy { Err(BUSY) } else { act(board, pdu) };
    done.unwrap_or_else(|code| exception(pdu, code))
}

fn act(board: &Board, pdu: &[u8]) -> Result<Vec<u8>, u8> {
    let (address, value) = (word(pdu, 1), word(pdu, 3));
    let mut state = board.lock();
    match pdu {
        [1, _, _, _, _] => {
            let closed: Vec<bool> = state.contacts.iter().map(super::super::Contact::is_closed).collect();
            bits(1, &closed, address, value)
        }
        [2, _, _, _, _] => bits(2, &state.inputs, address, value),
        [3, _, _, _, _] => {
            let modes = settings_of(&state).control_modes;
            let unit = settings_of(&state).unit;
            let register = |register: u16| match register {
                0x8000 => Ok(200),
                0x4000 => Ok(unit.into()),
                0x2000 => Ok(0),
                0x1000..=0x10ff if usize::from(register - 0x1000) < state.inputs.len() => {
                    Ok(modes.get(usize::from(register - 0x1000)).copied().unwrap_or_default())
                }
                _ => Err(ADDRESS),
            };
            if !(1..=125).contains(&value) {
                return Err(VALUE);
            }
            let words: Result<Vec<u16>, u8> =
                (0..value).map(|offset| register(address.wrapping_add(offset))).collect();
            let bytes: Vec<u8> = words?.into_iter().flat_map(u16::to_be_bytes).collect();
            Ok([vec![3, u8::try_from(bytes.len()).map_err(|_| VALUE)?], bytes].concat())
        }
        [5, _, _, _, _] => {
            let now = board.clock.now();
            let count = u16::try_from(state.contacts.len()).map_err(|_| ADDRESS)?;
            let has_flash = settings_of(&state).has_flash;
            let mut one = |channel: u16, is_closed, flips_after| {
                state.contacts[usize::from(channel)].set(is_closed, flips_after, now);
            };
            let flash = |channel: u16| {
                let is_known = has_flash && channel < count;
                let units = if is_known { value } else { return Err(ADDRESS) };
                if !(1..=0x7fff).contains(&units) {
                    return Err(VALUE);
                }
                Ok(Some(TimeDelta::milliseconds(i64::from(units) * 100)))
            };
            match address {
                ALL => match value {
                    0xff00 | 0 => (0..count).for_each(|channel| one(channel, value != 0, None)),
                    _ => return Err(VALUE),
                },
                FLASH_OFF.. => one(address - FLASH_OFF, false, flash(address - FLASH_OFF)?),
                FLASH_ON.. => one(address - FLASH_ON, true, flash(address - FLASH_ON)?),
                channel if channel < count => {
                    let is_closed = match value {
                        0xff00 => true,
                        0 => false,
                        0x5500 => !state.contacts[usize::from(channel)].is_closed(),
                        _ => return Err(VALUE),
                    };
                    state.contacts[usize::from(channel)].set(is_closed, None, now);
                }
                _ => return Err(ADDRESS),
            }
            Ok(pdu.to_vec())
        }
        [0x0f, _, _, _, _, length, wanted @ ..] => {
            let now = board.clock.now();
            let (first, count) = (usize::from(address), usize::from(value));
            if usize::from(*length) != count.div_ceil(8) || wanted.len() != usize::from(*length) || count == 0
            {
                return Err(VALUE);
            }
            let contacts = state.contacts.get_mut(first..first + count).ok_or(ADDRESS)?;
            for (bit, contact) in contacts.iter_mut().enumerate() {
                contact.set(wanted[bit / 8] >> (bit % 8) & 1 == 1, None, now);
            }
            Ok(pdu[..5].to_vec())
        }
        _ => Err(FUNCTION),
    }
}

fn settings_of(state: &super::super::State) -> super::Modbus {
    match &state.device {
        super::Device::Modbus(modbus) => modbus.clone(),
        _ => super::Modbus::default(),
    }
}

fn word(pdu: &[u8], at: usize) -> u16 {
    match pdu.get(at..at + 2) {
        Some([high, low]) => u16::from_be_bytes([*high, *low]),
        _ => 0,
    }
}

/// The answer to a reading of bits: the first is the lowest of the first byte.
fn bits(function: u8, of: &[bool], address: u16, count: u16) -> Result<Vec<u8>, u8> {
    let (first, count) = (usize::from(address), usize::from(count));
    if count == 0 {
        return Err(VALUE);
    }
    let wanted = of.get(first..first + count).ok_or(ADDRESS)?;
    let byte = |bits: &[bool]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
    let bytes: Vec<u8> = wanted.chunks(8).map(byte).collect();
    Ok([vec![function, u8::try_from(bytes.len()).map_err(|_| VALUE)?], bytes].concat())
}
