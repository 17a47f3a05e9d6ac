//! The clients that may have people sign in.

use url::{Host, Url};

use crate::config::{ClientConfig, SettingError};

/// A registered client. It has no secret: it proves itself by PKCE, and where it may be sent to.
pub(super) struct Client {
    redirect_uris: Vec<String>,
    is_local: bool,
}

impl Client {
    pub(super) fn new(id: &str, config: &ClientConfig) -> Result<Self, SettingError> {
        let redirect_uris: Vec<String> = config
            .redirect_uris
            .split(',')
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(ToOwned::to_owned)
            .collect();
        for uri in &redirect_uris {
            let is_fit = Url::parse(uri).is_ok_and(|url| url.fragment().is_none() && !url.cannot_be_a_base());
            if !is_fit {
                return Err(SettingError::RedirectUri { client: id.to_owned(), uri: uri.clone() });
            }
        }
        Ok(Self { redirect_uris, is_local: config.is_local })
    }

    /// Whether answers may go there: exactly what is registered (RFC 9700, 2.1), or, in development,
    /// anything on this machine (RFC 8252, 7.3).
    pub(super) fn takes(&self, redirect_uri: &str) -> bool {
        let is_registered = self.redirect_uris.iter().any(|known| known == redirect_uri);
        is_registered || (self.is_local && is_loopback(redirect_uri))
    }
}

fn is_loopback(uri: &str) -> bool {
    let Ok(url) = Url::parse(uri) else { return false };
    let is_here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    is_here && url.scheme() == "http" && url.fragment().is_none() && url.username().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(redirect_uris: &str, is_local: bool) -> Client {
        Client::new("console", &ClientConfig { redirect_uris: redirect_uris.into(), is_local }).unwrap()
    }

    #[test]
    fn answers_go_where_it_was_registered_to_the_letter() {
        let client = client("https://console.example/back, https://two.example/", false);
        assert!(client.takes("https://console.example/back"));
        assert!(client.takes("https://two.example/"));
        for uri in [
            "https://console.example/back/",
            "https://console.example/back?x=1",
            "https://console.example.evil/back",
            "http://127.0.0.1:5173/back",
            "",
        ] {
            assert!(!client.takes(uri), "{uri}");
        }
    }

    #[test]
    fn a_local_client_may_be_anywhere_on_this_machine() {
        let client = client("", true);
        for uri in ["http://127.0.0.1:5173/back", "http://localhost/", "http://[::1]:80/x"] {
            assert!(client.takes(uri), "{uri}");
        }
        for uri in
            ["http://localhost.evil/", "https://console.example/", "http://u@localhost/", "http://10.0.0.1/"]
        {
            assert!(!client.takes(uri), "{uri}");
        }
    }

    #[test]
    fn a_setting_that_is_no_address_is_named() {
        for uri in ["back", "https://a.example/#x", "mailto:a@b"] {
            let config = ClientConfig { redirect_uris: uri.into(), is_local: false };
            let error = Client::new("console", &config).err().unwrap().to_string();
            assert!(error.contains("console") && error.contains(uri), "{error}");
        }
    }
}
