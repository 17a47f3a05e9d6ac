//! Who has people sign in.

use serde::Deserialize;
use url::{Host, Url};

/// A registered client.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Client {
    /// `client_id`.
    pub id: String,
    /// `client_secret`. None: a public client, which must use PKCE.
    pub secret: Option<String>,
    /// Where people may be sent back to; compared character by character.
    pub redirect_uris: Vec<String>,
    /// Whether they may also be sent to any plain http address of this machine (RFC 8252, 7.3).
    pub is_local: bool,
}

impl Client {
    pub(super) fn may_return_to(&self, uri: &str) -> bool {
        self.redirect_uris.iter().any(|known| known == uri) || (self.is_local && is_on_this_machine(uri))
    }
}

fn is_on_this_machine(uri: &str) -> bool {
    let Ok(url) = Url::parse(uri) else { return false };
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    is_loopback && url.scheme() == "http" && url.fragment().is_none() && url.username().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_client_returns_to_this_machine_on_any_port_and_nowhere_else() {
        let redirect_uris = vec!["https://console.example/callback".to_owned()];
        let client = Client { redirect_uris, is_local: true, ..Client::default() };
        for uri in [
            "https://console.example/callback",
            "http://127.0.0.1:7400/auth/callback",
            "http://localhost:5173/callback?from=here",
            "http://[::1]/",
        ] {
            assert!(client.may_return_to(uri), "{uri}");
        }
        for uri in [
            "https://console.example/callback/",
            "https://console.example/callback?more=1",
            "http://localhost.example/callback",
            "http://127.0.0.1@example.org/",
            "http://user@127.0.0.1/",
            "http://127.0.0.1/#fragment",
            "https://127.0.0.1/",
            "javascript:alert(1)",
            "/callback",
        ] {
            assert!(!client.may_return_to(uri), "{uri}");
        }
        let remote = Client { is_local: false, ..client };
        assert!(!remote.may_return_to("http://127.0.0.1:7400/auth/callback"));
    }
}
