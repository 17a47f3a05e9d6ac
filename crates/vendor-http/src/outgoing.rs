//! Where a host that someone typed may lead.
//!
//! Whoever may type a host could have this process call what only it can reach: the platform itself, its
//! neighbours, the cloud's metadata service. So addresses are judged, after the name was asked for and before
//! anything is sent there; names are asked for once for each connection, and only judged addresses are
//! connected to, so a name that changes its mind gains nothing.

mod resolver;
mod special;

use std::net::{IpAddr, SocketAddr};

use domain::{Host, Port};
use ipnet::IpNet;
use nix::sys::socket::SockaddrStorage;
use serde::Deserialize;
use tokio::net::{TcpStream, lookup_host};

pub(crate) use resolver::Resolver;
pub use special::Forbidden;

/// Section `[outgoing]`: where hosts that operators type may lead. The defaults stand in each adapter's
/// `config.default.toml`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutgoingConfig {
    /// Private networks, or loopback, that may be called: CIDRs apart by commas, such as `192.168.0.0/16`.
    pub allowed: String,
    /// The platform's own networks, in the same form. They win.
    pub denied: String,
}

/// A setting makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum OutgoingConfigError {
    /// Not a network.
    #[error("outgoing.{key}: {text:?} is no network such as 192.168.1.0/24")]
    NoNetwork {
        /// Which setting.
        key: &'static str,
        /// What stands there.
        text: String,
    },
    /// An address in a network, not the network.
    #[error("outgoing.{key}: {network} is written {}", network.trunc())]
    HostBits {
        /// Which setting.
        key: &'static str,
        /// What stands there.
        network: IpNet,
    },
    /// Nobody may allow that.
    #[error("outgoing.allowed: {0} can't be allowed, only what lies within a private network or loopback")]
    NeverAllowed(IpNet),
    /// The machine does not say which addresses it has.
    #[error("cannot list this machine's addresses")]
    OwnAddresses(#[source] nix::Error),
}

impl OutgoingConfig {
    /// The rules by these settings. This machine's own addresses, as they are now, are denied too.
    pub fn rules(&self) -> Result<Outgoing, OutgoingConfigError> {
        let allowed = networks("allowed", &self.allowed)?;
        if let Some(never) = allowed.iter().find(|network| !special::can_be_allowed(network)) {
            return Err(OutgoingConfigError::NeverAllowed(*never));
        }
        let mut denied = networks("denied", &self.denied)?;
        denied.extend(own_addresses().map_err(OutgoingConfigError::OwnAddresses)?);
        Ok(Outgoing { allowed, denied })
    }
}

fn networks(key: &'static str, list: &str) -> Result<Vec<IpNet>, OutgoingConfigError> {
    let texts = list.split(',').map(str::trim).filter(|text| !text.is_empty());
    texts
        .map(|text| {
            let single = text.parse::<IpAddr>().map(IpNet::from);
            let network: IpNet = single
                .or_else(|_| text.parse())
                .map_err(|_| OutgoingConfigError::NoNetwork { key, text: text.to_owned() })?;
            if network.trunc() == network {
                Ok(network)
            } else {
                Err(OutgoingConfigError::HostBits { key, network })
            }
        })
        .collect()
}

/// The addresses by which others reach this machine.
fn own_addresses() -> Result<Vec<IpNet>, nix::Error> {
    let address = |address: SockaddrStorage| -> Option<IpAddr> {
        let v4 = address.as_sockaddr_in().map(|v4| v4.ip().into());
        v4.or_else(|| address.as_sockaddr_in6().map(|v6| v6.ip().into()))
    };
    let listed = nix::ifaddrs::getifaddrs()?.filter_map(|interface| interface.address.and_then(address));
    // What every machine calls itself is a matter of its own.
    Ok(listed.filter(|address| !address.is_loopback()).map(IpNet::from).collect())
}

/// Where hosts that people typed may lead: the public internet, and what was allowed.
#[derive(Debug, Clone)]
pub struct Outgoing {
    allowed: Vec<IpNet>,
    denied: Vec<IpNet>,
}

/// A host that someone typed leads where it may not. It is the same whatever is there, or is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host} leads to {forbidden}")]
pub struct Refused {
    /// As it was called.
    pub host: String,
    /// What is there.
    pub forbidden: Forbidden,
}

/// Why there is no connection to a host that someone typed.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// It leads where it may not.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The name leads nowhere, or nobody there takes connections.
    #[error("no connection")]
    Failed(#[source] std::io::Error),
}

impl Outgoing {
    /// Connects to a host that someone typed and that speaks something else than HTTP. How long that may take is the
    /// caller's to say.
    pub async fn connect(&self, host: &Host, port: Port) -> Result<TcpStream, ConnectError> {
        let found: Vec<SocketAddr> = match host {
            Host::Address(address) => vec![SocketAddr::new(*address, port.number())],
            Host::Name(name) => {
                lookup_host((name.as_str(), port.number())).await.map_err(ConnectError::Failed)?.collect()
            }
        };
        let admitted = self.admit(&host.to_string(), found.into_iter())?;
        TcpStream::connect(&admitted[..]).await.map_err(ConnectError::Failed)
    }

    /// Whether an address may be connected to, and what it is if not.
    pub fn judge(&self, address: IpAddr) -> Result<(), Forbidden> {
        let meant = special::meant(address);
        let is_in = |networks: &[IpNet], address| networks.iter().any(|network| network.contains(&address));
        match special::kind(meant) {
            Some(forbidden) if !forbidden.can_be_allowed() || !is_in(&self.allowed, meant) => Err(forbidden),
            _ if is_in(&self.denied, meant) || is_in(&self.denied, address) => Err(Forbidden::Platform),
            _ => Ok(()),
        }
    }

    /// Of the addresses that a host has, those that may be connected to. A name may well have others
    /// besides, such as a link-local one at home: it is refused if nothing else is left.
    fn admit(
        &self,
        host: &str,
        addresses: impl Iterator<Item = SocketAddr>,
    ) -> Result<Vec<SocketAddr>, Refused> {
        let (mut admitted, mut refused) = (Vec::new(), None);
        for address in addresses {
            match self.judge(address.ip()) {
                Ok(()) => admitted.push(address),
                Err(forbidden) => {
                    refused.get_or_insert(Refused { host: host.to_owned(), forbidden });
                }
            }
        }
        match refused {
            Some(refused) if admitted.is_empty() => Err(refused),
            _ => Ok(admitted),
        }
    }

    /// Judges a URL that names an address: nobody has to be asked where it leads.
    pub(crate) fn admit_literal(&self, url: &url::Url) -> Result<(), Refused> {
        let address: IpAddr = match url.host() {
            Some(url::Host::Ipv4(address)) => address.into(),
            Some(url::Host::Ipv6(address)) => address.into(),
            Some(url::Host::Domain(_)) | None => return Ok(()),
        };
        self.judge(address).map_err(|forbidden| Refused { host: address.to_string(), forbidden })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rules(allowed: &str, denied: &str) -> Outgoing {
        OutgoingConfig { allowed: allowed.into(), denied: denied.into() }.rules().unwrap()
    }

    fn judge(rules: &Outgoing, address: &str) -> Result<(), Forbidden> {
        rules.judge(address.parse().unwrap())
    }

    #[test]
    fn private_networks_and_loopback_are_called_if_they_are_allowed() {
        let (strict, open) = (rules("", ""), rules("10.0.0.0/8, fd12:3456::/32,127.0.0.0/8,::1", ""));
        for (address, forbidden) in [
            ("10.200.0.7", Forbidden::Private),
            ("::ffff:10.200.0.7", Forbidden::Private),
            ("64:ff9b::10.200.0.7", Forbidden::Private),
            ("fd12:3456:789::1", Forbidden::Private),
            ("127.0.0.1", Forbidden::Loopback),
            ("::1", Forbidden::Loopback),
        ] {
            assert_eq!(judge(&strict, address), Err(forbidden), "{address}");
            assert_eq!(judge(&open, address), Ok(()), "{address}");
        }
        assert_eq!(judge(&open, "192.168.0.7"), Err(Forbidden::Private), "not that one");
        assert_eq!(judge(&strict, "93.184.215.14"), Ok(()));
        assert_eq!(judge(&strict, "2606:2800:21f:cb07::1"), Ok(()));
    }

    #[test]
    fn metadata_is_never_called_not_even_within_what_is_allowed() {
        let open = rules("10.0.0.0/8,100.64.0.0/10,fc00::/7", "");
        assert_eq!(judge(&open, "100.100.0.7"), Ok(()));
        for address in ["100.100.100.200", "169.254.169.254", "fd00:ec2::254", "fd20:ce::254"] {
            assert_eq!(judge(&open, address), Err(Forbidden::Metadata), "{address}");
        }
    }

    #[test]
    fn the_platforms_own_networks_are_not_called_whatever_is_allowed() {
        let rules = rules("10.0.0.0/8", "10.1.0.0/16,93.184.215.14,64:ff9b::/96");
        for address in ["10.1.2.3", "::ffff:10.1.2.3", "93.184.215.14", "64:ff9b::9.9.9.9"] {
            assert_eq!(judge(&rules, address), Err(Forbidden::Platform), "{address}");
        }
        assert_eq!(judge(&rules, "10.2.0.1"), Ok(()));
    }

    #[test]
    fn this_machine_is_not_called_by_its_own_addresses() {
        let open = rules("10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10,fc00::/7", "");
        for own in own_addresses().unwrap() {
            assert!(open.judge(own.addr()).is_err(), "{own}");
        }
    }

    #[test]
    fn settings_that_make_no_sense_are_named() {
        for (allowed, denied, problem) in [
            ("10.0.0.0/33", "", "outgoing.allowed: \"10.0.0.0/33\" is no network such as 192.168.1.0/24"),
            ("", "10.0.0.0/8;10.1.0.0/16", "outgoing.denied: \"10.0.0.0/8;10.1.0.0/16\" is no network"),
            ("192.168.1.7/24", "", "outgoing.allowed: 192.168.1.7/24 is written 192.168.1.0/24"),
            ("10.0.0.0/7", "", "outgoing.allowed: 10.0.0.0/7 can't be allowed"),
            ("0.0.0.0/0", "", "outgoing.allowed: 0.0.0.0/0 can't be allowed"),
            ("::/0", "", "outgoing.allowed: ::/0 can't be allowed"),
            ("169.254.169.254", "", "outgoing.allowed: 169.254.169.254/32 can't be allowed"),
            ("fe80::/10", "", "outgoing.allowed: fe80::/10 can't be allowed"),
            ("::ffff:10.0.0.0/104", "", "outgoing.allowed: ::ffff:10.0.0.0/104 can't be allowed"),
        ] {
            let config = OutgoingConfig { allowed: allowed.into(), denied: denied.into() };
            let message = config.rules().unwrap_err().to_string();
            assert!(message.starts_with(problem), "{message}");
        }
    }

    #[test]
    fn of_a_names_addresses_only_those_that_may_be_called_are_left() {
        let rules = rules("192.168.0.0/16", "");
        let admit = |addresses: &[&str]| {
            let sockets = addresses.iter().map(|it| SocketAddr::new(it.parse().unwrap(), 0));
            rules
                .admit("console.lan", sockets)
                .map(|left| left.iter().map(SocketAddr::ip).collect::<Vec<_>>())
        };
        let left: IpAddr = "192.168.1.1".parse().unwrap();
        assert_eq!(admit(&["fe80::1", "192.168.1.1", "127.0.0.1"]), Ok(vec![left]));
        assert_eq!(admit(&[]), Ok(Vec::new()), "a name without an address is another matter");
        let refused = admit(&["127.0.0.1", "fe80::1"]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "console.lan leads to the machine that calls it; the platform's operator can allow that by \
             outgoing.allowed"
        );
    }

    #[test]
    fn addresses_in_a_url_are_judged_however_they_are_written() {
        let rules = rules("", "");
        for host in [
            "127.0.0.1",
            "127.0.0.1.",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "017700000001",
            "0177.0.0.1",
            "127.0.0.1%2e",
            "①②⑦.0.0.1",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[0:0:0:0:0:0:0:1]",
            "[64:ff9b::7f00:1]",
        ] {
            let url: url::Url = format!("http://{host}/").parse().unwrap();
            let refused = rules.admit_literal(&url).expect_err(host);
            assert_eq!(refused.forbidden, Forbidden::Loopback, "{host}");
        }
        assert!("http://[fe80::1%25eth0]/".parse::<url::Url>().is_err(), "zones are no hosts of URLs");
    }

    proptest! {
        #[test]
        fn an_address_is_judged_alike_however_it_is_wrapped(v4: std::net::Ipv4Addr) {
            let rules = rules("10.0.0.0/8", "10.1.0.0/16");
            let mapped = v4.to_ipv6_mapped();
            let [.., high, low] = mapped.segments();
            let nat64 = std::net::Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low);
            prop_assert_eq!(rules.judge(mapped.into()), rules.judge(v4.into()));
            prop_assert_eq!(rules.judge(nat64.into()), rules.judge(v4.into()));
        }

        #[test]
        fn what_carries_an_address_in_the_old_ways_is_refused(
            v4: std::net::Ipv4Addr, a: u16, b: u16, c: u16, d: u16,
        ) {
            let rules = rules("10.0.0.0/8,fc00::/7", "");
            let [.., high, low] = v4.to_ipv6_mapped().segments();
            for carrier in [
                std::net::Ipv6Addr::new(0x2002, high, low, a, b, c, d, 1),
                std::net::Ipv6Addr::new(0x2001, 0, high, low, a, b, c, d),
                std::net::Ipv6Addr::new(0x64, 0xff9b, 1, a, b, c, high, low),
            ] {
                prop_assert_eq!(rules.judge(carrier.into()), Err(Forbidden::Reserved));
            }
            let compatible = std::net::Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low);
            prop_assert!(rules.judge(compatible.into()).is_err());
        }

        #[test]
        fn what_is_called_is_public_or_was_allowed(bits: u128, v4: u32, is_v4: bool) {
            let rules = rules("192.168.0.0/16,fd00::/8", "");
            let address: IpAddr = if is_v4 {
                std::net::Ipv4Addr::from(v4).into()
            } else {
                std::net::Ipv6Addr::from(bits).into()
            };
            if rules.judge(address).is_ok() {
                let is_public = match special::meant(address) {
                    IpAddr::V4(v4) => !(v4.is_private() || v4.is_loopback() || v4.is_link_local()
                        || v4.is_broadcast() || v4.is_documentation() || v4.is_multicast()
                        || v4.is_unspecified() || v4.octets()[0] == 0 || v4.octets()[0] >= 224),
                    IpAddr::V6(v6) => v6.segments()[0] & 0xe000 == 0x2000,
                };
                let is_allowed = rules.allowed.iter().any(|network| network.contains(&address));
                prop_assert!(is_public || is_allowed, "{}", address);
            }
        }
    }
}
