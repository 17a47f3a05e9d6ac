//! Who calls, when proxies stand in front of the gateway.

use std::net::{IpAddr, SocketAddr};

use chassis::ClientAddress;
use http::{HeaderMap, Request};
use ipnet::IpNet;

use crate::config::SettingError;

/// Where proxies add the address of whom they speak for, at the end.
const FORWARDED: &str = "x-forwarded-for";

/// The proxies whose word about their callers is believed.
#[derive(Debug, Clone)]
pub(crate) struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Networks and addresses, separated by commas.
    pub(crate) fn parse(text: &str) -> Result<Self, SettingError> {
        let network = |text: &str| {
            let address = || text.parse::<IpAddr>().map(IpNet::from);
            text.parse().or_else(|_| address()).map_err(|_| SettingError::Network(text.to_owned()))
        };
        text.split(',')
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(network)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Writes down on the request who its caller is.
    pub(crate) fn mark<B>(&self, mut request: Request<B>) -> Request<B> {
        if let Some(peer) = ClientAddress::of_peer(request.extensions()) {
            let client = self.client(peer, request.headers());
            request.extensions_mut().insert(ClientAddress(client));
        }
        request
    }

    /// The first address, going back from the connection, that is no trusted proxy's. What comes before
    /// it can be made up.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let lines: Vec<&str> =
            headers.get_all(FORWARDED).iter().filter_map(|line| line.to_str().ok()).collect();
        let mut before = lines.iter().flat_map(|line| line.split(',')).rev();
        let mut client = peer;
        while self.0.iter().any(|network| network.contains(&client)) {
            match before.next().and_then(address) {
                Some(address) => client = address,
                None => break,
            }
        }
        client
    }
}

/// An address as proxies write it, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &str, peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(FORWARDED, line.parse().unwrap());
        }
        TrustedProxies::parse(trusted).unwrap().client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let stranger = "203.0.113.7";
        assert_eq!(client("", stranger, &["198.51.100.1"]), stranger);
        assert_eq!(client("10.0.0.0/8", stranger, &["198.51.100.1"]), stranger);
        assert_eq!(client("10.0.0.0/8", "10.1.2.3", &[stranger]), stranger);
        assert_eq!(client("10.0.0.0/8", "10.1.2.3", &[]), "10.1.2.3");
    }

    #[test]
    fn what_the_caller_itself_wrote_counts_for_nothing() {
        let chain = ["1.1.1.1, 203.0.113.7", "10.9.9.9"];
        assert_eq!(client("10.0.0.0/8, 192.0.2.1", "192.0.2.1", &chain), "203.0.113.7");
        assert_eq!(client("10.0.0.0/8", "10.1.2.3", &["1.1.1.1, nonsense"]), "10.1.2.3");
    }

    #[test]
    fn addresses_come_in_many_forms() {
        for (written, meant) in [
            ("203.0.113.7:4711", "203.0.113.7"),
            ("2001:db8::7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:db8::7]:4711", "2001:db8::7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
        ] {
            assert_eq!(client("::1", "::1", &[written]), meant, "{written}");
        }
    }

    #[test]
    fn what_is_no_network_is_named() {
        let error = TrustedProxies::parse("10.0.0.0/8, 10.0.0.0/33").unwrap_err();
        assert!(error.to_string().contains("10.0.0.0/33"), "{error}");
    }
}
