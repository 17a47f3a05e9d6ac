//! Where a vendor's API begins.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use domain::{Host, Port};
use url::Url;

/// The address under which all paths of a vendor's API lie, such as `https://api.vendor.example`.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

/// The text is no base of an API.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be an http or https URL without user, query and fragment, such as https://api.vendor.example")]
pub struct BaseUrlError;

impl BaseUrl {
    /// Where a host that someone typed is called: by TLS (`https`), or in plain (`http`).
    pub fn of_host(scheme: &str, host: &Host, port: Port) -> Result<Self, BaseUrlError> {
        match host {
            Host::Address(IpAddr::V6(v6)) => format!("{scheme}://[{v6}]:{port}"),
            host => format!("{scheme}://{host}:{port}"),
        }
        .parse()
    }

    /// The URL of `segments` below the base, with `query`. All are percent-encoded.
    pub fn at(&self, segments: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.0.clone();
        url.path_segments_mut().expect("http URLs have a path").pop_if_empty().extend(segments);
        if !query.is_empty() {
            // As `%20`, because not every server reads `+` as a space in a query.
            let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
            url.set_query(Some(&query.replace('+', "%20")));
        }
        url
    }
}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;
    fn from_str(text: &str) -> Result<Self, BaseUrlError> {
        let url: Url = text.parse().map_err(|_| BaseUrlError)?;
        let is_plain = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        let is_http = matches!(url.scheme(), "http" | "https");
        if is_http && is_plain { Ok(Self(url)) } else { Err(BaseUrlError) }
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BaseUrl({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lie_below_the_base_with_or_without_a_slash_at_its_end() {
        for base in ["https://api.example/v1", "https://api.example/v1/"] {
            let base: BaseUrl = base.parse().unwrap();
            assert_eq!(base.at(&["users", "a/b"], &[]).as_str(), "https://api.example/v1/users/a%2Fb");
        }
        let base: BaseUrl = "http://127.0.0.1:80".parse().unwrap();
        assert_eq!(base.at(&["users"], &[]).as_str(), "http://127.0.0.1/users");
    }

    #[test]
    fn queries_keep_plus_signs_and_spaces_apart() {
        let base: BaseUrl = "https://api.example".parse().unwrap();
        let url = base.at(&["users"], &[("email", "a+b@c.d"), ("name", "x y")]);
        assert_eq!(url.query(), Some("email=a%2Bb%40c.d&name=x%20y"));
    }

    #[test]
    fn a_typed_host_makes_a_base() {
        let port: Port = "12445".parse().unwrap();
        for (host, base) in [
            ("console.lan", "https://console.lan:12445/"),
            ("10.0.0.7", "https://10.0.0.7:12445/"),
            ("2001:db8::7", "https://[2001:db8::7]:12445/"),
        ] {
            assert_eq!(BaseUrl::of_host("https", &host.parse().unwrap(), port).unwrap().to_string(), base);
        }
        let no_name: Host = "xn--a.example".parse().unwrap();
        assert_eq!(BaseUrl::of_host("https", &no_name, port), Err(BaseUrlError));
    }

    #[test]
    fn what_is_no_base_is_refused() {
        for text in
            ["", "api.example", "ftp://x", "https://u:p@x", "https://x?a=b", "https://x#y", "mailto:a@b"]
        {
            assert_eq!(text.parse::<BaseUrl>(), Err(BaseUrlError), "{text}");
        }
    }
}
