//! Frames, by either framing.

use super::{Framing, Modbus};

/// What stands at the begin of what was heard.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// A request for this unit.
    Request(Request),
    /// Something that is left unanswered.
    Nothing,
    /// Not all of it yet.
    Incomplete,
}

/// A request for this unit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) transaction: u16,
    pub(super) unit: u8,
    pub(super) pdu: Vec<u8>,
}

/// Takes the first frame off what was heard.
pub(super) fn take(heard: &mut Vec<u8>, framing: Framing, unit: u8) -> Heard {
    let request = match framing {
        Framing::Tcp => take_tcp(heard),
        Framing::Rtu => take_rtu(heard),
    };
    match request {
        Heard::Request(request) if request.unit != unit => Heard::Nothing,
        request => request,
    }
}

fn take_tcp(heard: &mut Vec<u8>) -> Heard {
    let [t1, t2, p1, p2, l1, l2, ..] = heard[..] else { return Heard::Incomplete };
    let length = usize::from(u16::from_be_bytes([l1, l2]));
    if (p1, p2) != (0, 0) || !(2..=254).contains(&length) {
        return garbage(heard);
    }
    if heard.len() < 6 + length {
        return Heard::Incomplete;
    }
    let frame: Vec<u8> = heard.drain(..6 + length).collect();
    Heard::Request(Request {
        transaction: u16::from_be_bytes([t1, t2]),
        unit: frame[6],
        pdu: frame[7..].to_vec(),
    })
}

/// Ends are told by pauses on a serial line; here by what the function takes.
fn take_rtu(heard: &mut Vec<u8>) -> Heard {
    let length = match heard[..] {
        [_, 1..=6, ..] => 8,
        [_, 0x0f, _, _, _, _, bytes, ..] => 9 + usize::from(bytes),
        [_, 0x0f, ..] | [_] | [] => return Heard::Incomplete,
        _ => return garbage(heard),
    };
    if heard.len() < length {
        return Heard::Incomplete;
    }
    let frame: Vec<u8> = heard.drain(..length).collect();
    let (body, sum) = frame.split_at(length - 2);
    if sum != checksum(body) {
        return garbage(heard);
    }
    Heard::Request(Request { transaction: 0, unit: body[0], pdu: body[1..].to_vec() })
}

fn garbage(heard: &mut Vec<u8>) -> Heard {
    heard.clear();
    Heard::Nothing
}

/// The answer as it goes out.
pub(super) fn wrap(pdu: &[u8], request: &Request, modbus: &Modbus) -> Vec<u8> {
    match modbus.framing {
        Framing::Tcp => {
            let off = u16::from(modbus.has_wrong_transactions);
            let length = u16::try_from(pdu.len() + 1).unwrap_or(u16::MAX);
            let mut frame = request.transaction.wrapping_add(off).to_be_bytes().to_vec();
            frame.extend([0, 0]);
            frame.extend(length.to_be_bytes());
            frame.push(request.unit);
            frame.extend(pdu);
            frame
        }
        Framing::Rtu => {
            let mut frame = vec![request.unit];
            frame.extend(pdu);
            frame.extend(checksum(&frame));
            frame
        }
    }
}

/// CRC-16/MODBUS, low byte first.
fn checksum(bytes: &[u8]) -> [u8; 2] {
    let mut sum = 0xffff_u16;
    for byte in bytes {
        sum ^= u16::from(*byte);
        for _ in 0..8 {
            let carry = sum & 1;
            sum >>= 1;
            if carry == 1 {
                sum ^= 0xa001;
            }
        }
    }
    sum.to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vendors_frames_are_read() {
        let mut heard = vec![1, 5, 2, 0, 0, 7, 0x8d, 0xb0];
        let pdu = vec![5, 2, 0, 0, 7];
        assert_eq!(
            take(&mut heard, Framing::Rtu, 1),
            Heard::Request(Request { transaction: 0, unit: 1, pdu })
        );
        assert!(heard.is_empty());
        assert_eq!(checksum(&[1, 5, 2, 3, 0, 0x32]), [0xbd, 0xa7]);
    }

    #[test]
    fn the_other_framing_a_wrong_checksum_and_another_unit_are_nothing() {
        let tcp = [0, 1, 0, 0, 0, 6, 1, 5, 0, 3, 0xff, 0];
        let rtu = [1, 5, 2, 0, 0, 7, 0x8d, 0xb0];
        assert_eq!(take(&mut tcp.to_vec(), Framing::Rtu, 1), Heard::Nothing);
        assert_eq!(take(&mut rtu.to_vec(), Framing::Tcp, 1), Heard::Nothing);
        assert_eq!(take(&mut tcp.to_vec(), Framing::Tcp, 2), Heard::Nothing);
        assert_eq!(take(&mut vec![1, 5, 2, 0, 0, 7, 0x8d, 0xb1], Framing::Rtu, 1), Heard::Nothing);
    }
}
