//! Requests and answers of Modbus, in both framings. Pure.
//!
//! Our own because of the flash-on coil: its answer repeats a value that is neither on nor off, which the crate
//! `tokio-modbus` takes for a broken answer although the relay has closed.

use domain::Framing;

/// What is asked of a board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    /// Function 1: whether relays are closed.
    ReadCoils { first: u16, count: u16 },
    /// Function 3: settings.
    ReadRegisters { first: u16, count: u16 },
    /// Function 5. The value is not only on and off: boards give it other meanings at other addresses.
    WriteCoil { address: u16, value: u16 },
}

/// A board's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// As many as were asked for.
    Bits(Vec<bool>),
    /// As many as were asked for.
    Registers(Vec<u16>),
    /// It repeats what was asked.
    Written,
    /// It says no, by this code.
    Exception(u8),
}

/// What has come so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Not all of it yet.
    Incomplete,
    /// All of it.
    Answer(Answer),
    /// Nothing that answers the request.
    Garbage,
}

const EXCEPTION: u8 = 0x80;

impl Request {
    /// Function and data.
    fn pdu(self) -> [u8; 5] {
        let (function, first, second) = match self {
            Self::ReadCoils { first, count } => (1, first, count),
            Self::ReadRegisters { first, count } => (3, first, count),
            Self::WriteCoil { address, value } => (5, address, value),
        };
        let ([a, b], [c, d]) = (first.to_be_bytes(), second.to_be_bytes());
        [function, a, b, c, d]
    }

    /// The bytes to send.
    pub(crate) fn encode(self, framing: Framing, transaction: u16, unit: u8) -> Vec<u8> {
        let body = [&[unit], &self.pdu()[..]].concat();
        match framing {
            Framing::Tcp => [&transaction.to_be_bytes()[..], &[0, 0, 0, 6], &body].concat(),
            Framing::Rtu => [&body[..], &checksum(&body)].concat(),
        }
    }

    /// The answer among the bytes that came since the request was sent.
    pub(crate) fn decode(self, framing: Framing, transaction: u16, unit: u8, heard: &[u8]) -> Heard {
        let pdu = match framing {
            Framing::Tcp => {
                let [t1, t2, p1, p2, l1, l2, ..] = *heard else { return Heard::Incomplete };
                let length = usize::from(u16::from_be_bytes([l1, l2]));
                let is_ours = [t1, t2] == transaction.to_be_bytes() && [p1, p2] == [0, 0];
                if !is_ours || !(3..=254).contains(&length) {
                    return Heard::Garbage;
                }
                let Some(body) = heard.get(6..6 + length) else { return Heard::Incomplete };
                if body[0] != unit {
                    return Heard::Garbage;
                }
                &body[1..]
            }
            Framing::Rtu => {
                let [from, function, next, ..] = *heard else { return Heard::Incomplete };
                let length = match function {
                    1 | 3 => 3 + usize::from(next),
                    5 => 6,
                    _ if function & EXCEPTION != 0 => 3,
                    _ => return Heard::Garbage,
                };
                let Some((body, rest)) = heard.split_at_checked(length) else { return Heard::Incomplete };
                let Some(sum) = rest.get(..2) else { return Heard::Incomplete };
                if from != unit || sum != checksum(body) {
                    return Heard::Garbage;
                }
                &body[1..]
            }
        };
        self.read(pdu).map_or(Heard::Garbage, Heard::Answer)
    }

    fn read(self, pdu: &[u8]) -> Option<Answer> {
        let asked = self.pdu();
        match (self, pdu) {
            (_, [function, code]) if *function == asked[0] | EXCEPTION => Some(Answer::Exception(*code)),
            (Self::WriteCoil { .. }, echo) => (echo == asked).then_some(Answer::Written),
            (Self::ReadRegisters { count, .. }, [3, length, words @ ..]) => {
                let is_whole = usize::from(*length) == words.len() && words.len() == usize::from(count) * 2;
                let word = |pair: &[u8]| u16::from_be_bytes([pair[0], pair[1]]);
                is_whole.then(|| Answer::Registers(words.chunks_exact(2).map(word).collect()))
            }
            (Self::ReadCoils { count, .. }, [function, length, bytes @ ..]) => {
                let count = usize::from(count);
                let is_whole = *function == asked[0]
                    && usize::from(*length) == bytes.len()
                    && bytes.len() == count.div_ceil(8);
                let bit = |index: usize| bytes[index / 8] >> (index % 8) & 1 == 1;
                is_whole.then(|| Answer::Bits((0..count).map(bit).collect()))
            }
            (Self::ReadRegisters { .. } | Self::ReadCoils { .. }, _) => None,
        }
    }
}

/// CRC-16/MODBUS, low byte first.
fn checksum(bytes: &[u8]) -> [u8; 2] {
    let step = |sum: u16, _| if sum & 1 == 1 { (sum >> 1) ^ 0xa001 } else { sum >> 1 };
    let sum = bytes.iter().fold(0xffff, |sum, byte| (0..8).fold(sum ^ u16::from(*byte), step));
    sum.to_le_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FLASH: Request = Request::WriteCoil { address: 0x0200, value: 10 };

    #[test]
    fn the_documents_frames_are_made_and_read() {
        let tcp = |request: Request, transaction| request.encode(Framing::Tcp, transaction, 1);
        let on = Request::WriteCoil { address: 3, value: 0xff00 };
        assert_eq!(tcp(on, 1), [0, 1, 0, 0, 0, 6, 1, 5, 0, 3, 0xff, 0]);
        assert_eq!(tcp(FLASH, 6), [0, 6, 0, 0, 0, 6, 1, 5, 2, 0, 0, 10]);
        let rtu = |address, value| Request::WriteCoil { address, value }.encode(Framing::Rtu, 0, 1);
        assert_eq!(rtu(0x0200, 7), [1, 5, 2, 0, 0, 7, 0x8d, 0xb0]);
        assert_eq!(rtu(0x0203, 0x32), [1, 5, 2, 3, 0, 0x32, 0xbd, 0xa7]);
        let coils = Request::ReadCoils { first: 0, count: 8 };
        let heard = coils.decode(Framing::Tcp, 3, 1, &[0, 3, 0, 0, 0, 4, 1, 1, 1, 5]);
        let bits = vec![true, false, true, false, false, false, false, false];
        assert_eq!(heard, Heard::Answer(Answer::Bits(bits)));
    }

    #[test]
    fn what_does_not_answer_the_request_is_garbage() {
        let frame = FLASH.encode(Framing::Tcp, 7, 1);
        let change = |at: usize, to: u8| {
            let mut changed = frame.clone();
            changed[at] = to;
            FLASH.decode(Framing::Tcp, 7, 1, &changed)
        };
        for (at, to, what) in [
            (1, 8, "transaction"),
            (3, 1, "protocol"),
            (6, 2, "unit"),
            (7, 1, "function"),
            (9, 1, "address"),
            (11, 9, "value"),
        ] {
            assert_eq!(change(at, to), Heard::Garbage, "another {what}");
        }
        assert_eq!(FLASH.decode(Framing::Tcp, 7, 1, b"HTTP/1.1 400"), Heard::Garbage);
    }

    #[test]
    fn exceptions_are_read_in_both_framings() {
        let tcp = [0, 7, 0, 0, 0, 3, 1, 0x85, 2];
        assert_eq!(FLASH.decode(Framing::Tcp, 7, 1, &tcp), Heard::Answer(Answer::Exception(2)));
        let body = [1, 0x85, 6];
        let rtu = [&body[..], &checksum(&body)].concat();
        assert_eq!(FLASH.decode(Framing::Rtu, 0, 1, &rtu), Heard::Answer(Answer::Exception(6)));
    }

    proptest! {
        #[test]
        fn an_echo_is_an_answer_when_all_of_it_is_there(
            address: u16, value: u16, transaction: u16, unit: u8, is_tcp: bool, cut in 0usize..12,
        ) {
            let framing = if is_tcp { Framing::Tcp } else { Framing::Rtu };
            let request = Request::WriteCoil { address, value };
            let echo = request.encode(framing, transaction, unit);
            prop_assert_eq!(request.decode(framing, transaction, unit, &echo), Heard::Answer(Answer::Written));
            if cut < echo.len() {
                prop_assert_eq!(request.decode(framing, transaction, unit, &echo[..cut]), Heard::Incomplete);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(heard: Vec<u8>, is_tcp: bool, count in 0u16..200) {
            let framing = if is_tcp { Framing::Tcp } else { Framing::Rtu };
            for request in [
                FLASH,
                Request::ReadCoils { first: 0, count },
                Request::ReadRegisters { first: 0, count },
            ] {
                request.decode(framing, 7, 1, &heard);
            }
        }

        #[test]
        fn a_serial_frame_with_a_flipped_bit_is_no_answer(address: u16, value: u16, bit in 0usize..64) {
            let request = Request::WriteCoil { address, value };
            let mut echo = request.encode(Framing::Rtu, 0, 1);
            echo[bit / 8] ^= 1 << (bit % 8);
            let heard = request.decode(Framing::Rtu, 0, 1, &echo);
            prop_assert!(!matches!(heard, Heard::Answer(_)), "{:?}", heard);
        }
    }
}
