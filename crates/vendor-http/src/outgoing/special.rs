//! What addresses are for, as far as it is not the public internet.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// What is at an address that may not be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forbidden {
    /// The machine that calls.
    Loopback,
    /// A private network, or one that carriers and VPNs share (100.64.0.0/10).
    Private,
    /// A neighbour on the same wire.
    LinkLocal,
    /// What a cloud tells its machines of themselves, keys included.
    Metadata,
    /// No single host of the internet: multicast, documentation, ways that are no longer used.
    Reserved,
    /// A network of the platform's own, or this machine.
    Platform,
}

impl Forbidden {
    /// Whether the settings can allow it.
    pub(super) fn can_be_allowed(self) -> bool {
        matches!(self, Self::Loopback | Self::Private)
    }
}

/// In words, with what can be done about it.
impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loopback => "the machine that calls it",
            Self::Private => "a private network",
            Self::LinkLocal => "a link-local address, which is never called",
            Self::Metadata => "a cloud's metadata service, which is never called",
            Self::Reserved => "an address that no host of the internet has",
            Self::Platform => "the platform's own network, which is not called (outgoing.denied)",
        })?;
        if self.can_be_allowed() {
            f.write_str("; the platform's operator can allow that by outgoing.allowed")?;
        }
        Ok(())
    }
}

/// The first one that an address is in counts. IANA's registries of special-purpose addresses (RFC 6890 and
/// after), and where clouds have their metadata.
static SPECIAL: [(IpNet, Forbidden); 31] = [
    // Alibaba, Azure; AWS, Google, Oracle by IPv6. Most others are link-local.
    (v4([100, 100, 100, 200], 32), Forbidden::Metadata),
    (v4([168, 63, 129, 16], 32), Forbidden::Metadata),
    (v4([169, 254, 169, 254], 32), Forbidden::Metadata),
    (v6([0xfd00, 0xec2], 32), Forbidden::Metadata),
    (v6([0xfd20, 0xce], 32), Forbidden::Metadata),
    (v6([0xfd00, 0xc1], 32), Forbidden::Metadata),
    (v4([127, 0, 0, 0], 8), Forbidden::Loopback),
    (IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)), Forbidden::Loopback),
    (v4([169, 254, 0, 0], 16), Forbidden::LinkLocal),
    (v6([0xfe80, 0], 10), Forbidden::LinkLocal),
    (v4([10, 0, 0, 0], 8), Forbidden::Private),
    (v4([172, 16, 0, 0], 12), Forbidden::Private),
    (v4([192, 168, 0, 0], 16), Forbidden::Private),
    (v4([100, 64, 0, 0], 10), Forbidden::Private),
    (v6([0xfc00, 0], 7), Forbidden::Private),
    // "This" network, protocols, documentation, 6to4 relays, benchmarks, multicast, the future.
    (v4([0, 0, 0, 0], 8), Forbidden::Reserved),
    (v4([192, 0, 0, 0], 24), Forbidden::Reserved),
    (v4([192, 0, 2, 0], 24), Forbidden::Reserved),
    (v4([192, 88, 99, 0], 24), Forbidden::Reserved),
    (v4([198, 18, 0, 0], 15), Forbidden::Reserved),
    (v4([198, 51, 100, 0], 24), Forbidden::Reserved),
    (v4([203, 0, 113, 0], 24), Forbidden::Reserved),
    (v4([224, 0, 0, 0], 4), Forbidden::Reserved),
    (v4([240, 0, 0, 0], 4), Forbidden::Reserved),
    // Protocols, Teredo among them; documentation; 6to4.
    (v6([0x2001, 0], 23), Forbidden::Reserved),
    (v6([0x2001, 0xdb8], 32), Forbidden::Reserved),
    (v6([0x3fff, 0], 20), Forbidden::Reserved),
    (v6([0x2002, 0], 16), Forbidden::Reserved),
    // All else that is not given out, such as multicast and what carries an IPv4 address (RFC 4291).
    (v6([0, 0], 3), Forbidden::Reserved),
    (v6([0x4000, 0], 2), Forbidden::Reserved),
    (v6([0x8000, 0], 1), Forbidden::Reserved),
];

const fn v4(octets: [u8; 4], length: u8) -> IpNet {
    let [a, b, c, d] = octets;
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length))
}

const fn v6(start: [u16; 2], length: u8) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(start[0], start[1], 0, 0, 0, 0, 0, 0), length))
}

/// What an address is for; `None`: the public internet.
pub(super) fn kind(address: IpAddr) -> Option<Forbidden> {
    SPECIAL.iter().find(|(network, _)| network.contains(&address)).map(|(_, kind)| *kind)
}

/// Whether all of a network can be allowed.
pub(super) fn can_be_allowed(network: &IpNet) -> bool {
    SPECIAL.iter().any(|(special, kind)| kind.can_be_allowed() && special.contains(network))
}

/// The IPv4 address that an IPv6 address stands for in use: written as one (`::ffff:0:0/96`), or translated to
/// one on the way (NAT64, `64:ff9b::/96`).
pub(super) fn meant(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => match v6.segments() {
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
                Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)).into()
            }
            _ => v6.into(),
        },
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_is_for_what_the_registries_say() {
        for (forbidden, addresses) in [
            (
                None,
                &[
                    "1.1.1.1",
                    "9.255.255.255",
                    "11.0.0.0",
                    "100.63.255.255",
                    "100.128.0.0",
                    "126.255.255.255",
                    "128.0.0.0",
                    "169.253.255.255",
                    "169.255.0.0",
                    "172.15.255.255",
                    "172.32.0.0",
                    "192.0.1.0",
                    "192.167.255.255",
                    "192.169.0.0",
                    "198.17.255.255",
                    "198.20.0.0",
                    "223.255.255.255",
                    "2000::",
                    "2001:200::",
                    "2001:db9::1",
                    "2003::1",
                    "2a00:1450:4001::1",
                    "3ffe:ffff::1",
                ] as &[&str],
            ),
            (Some(Forbidden::Loopback), &["127.0.0.0", "127.0.0.1", "127.255.255.255", "::1"]),
            (
                Some(Forbidden::Private),
                &[
                    "10.0.0.0",
                    "10.255.255.255",
                    "172.16.0.0",
                    "172.31.255.255",
                    "192.168.0.0",
                    "192.168.255.255",
                    "100.64.0.0",
                    "100.127.255.255",
                    "fc00::",
                    "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                ],
            ),
            (
                Some(Forbidden::LinkLocal),
                &["169.254.0.0", "169.254.170.2", "169.254.255.255", "fe80::1", "febf::"],
            ),
            (
                Some(Forbidden::Metadata),
                &[
                    "169.254.169.254",
                    "100.100.100.200",
                    "168.63.129.16",
                    "fd00:ec2::254",
                    "fd20:ce::254",
                    "fd00:c1::a9fe:a9fe",
                ],
            ),
            (
                Some(Forbidden::Reserved),
                &[
                    "0.0.0.0",
                    "0.255.255.255",
                    "192.0.0.192",
                    "192.0.2.1",
                    "192.88.99.1",
                    "198.18.0.0",
                    "198.19.255.255",
                    "198.51.100.1",
                    "203.0.113.1",
                    "224.0.0.1",
                    "239.255.255.255",
                    "240.0.0.1",
                    "255.255.255.255",
                    "::",
                    "::2",
                    "::127.0.0.1",
                    "64:ff9b:1::10.0.0.1",
                    "100::1",
                    "1fff::1",
                    "2001::1",
                    "2001:1ff::1",
                    "2001:db8::1",
                    "2002:7f00:1::1",
                    "3fff::1",
                    "4000::1",
                    "5f00::1",
                    "7fff::1",
                    "8000::1",
                    "fbff::1",
                    "fec0::1",
                    "ff02::1",
                    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                ],
            ),
        ] {
            for address in addresses {
                assert_eq!(kind(address.parse().unwrap()), forbidden, "{address}");
            }
        }
    }

    #[test]
    fn an_ipv4_address_in_disguise_is_what_it_means() {
        for (address, meaning) in [
            ("::ffff:127.0.0.1", "127.0.0.1"),
            ("64:ff9b::7f00:1", "127.0.0.1"),
            ("10.0.0.7", "10.0.0.7"),
            ("::1", "::1"),
            ("64:ff9b:0:0:0:1::", "64:ff9b:0:0:0:1::"),
        ] {
            assert_eq!(meant(address.parse().unwrap()), meaning.parse::<IpAddr>().unwrap());
        }
    }
}
