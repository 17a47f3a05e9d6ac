//! Digest authentication by SHA-256 (RFC 7616; Shelly, Authentication). Pure.

use std::fmt::Write as _;

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use vendor_http::http::HeaderValue;

/// The only user that there is.
const USER: &str = "admin";

/// What the board asks its callers for, and how often that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    realm: String,
    nonce: String,
    answers: u32,
}

impl Challenge {
    /// Reads the header `WWW-Authenticate`. None for anything but SHA-256 over the method and the address: whoever
    /// played along with less would show what can be turned back into the password.
    pub(super) fn read(header: &str) -> Option<Self> {
        let fields = fields(header.strip_prefix("Digest ")?);
        let field =
            |name: &str| fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, it)| *it);
        let is_ours = field("algorithm")?.eq_ignore_ascii_case("SHA-256")
            && field("qop")?.split(',').any(|qop| qop.trim() == "auth");
        // What would end a quoted word is in none that we send back.
        let is_plain = |text: &&str| !text.is_empty() && !text.contains(['"', '\\']);
        let (realm, nonce) = (field("realm").filter(is_plain)?, field("nonce").filter(is_plain)?);
        is_ours.then(|| Self { realm: realm.to_owned(), nonce: nonce.to_owned(), answers: 0 })
    }

    /// The header `Authorization` for a request to `target`, which is its path with its query.
    pub(super) fn answer(
        &mut self,
        password: &SecretString,
        method: &str,
        target: &str,
        cnonce: &str,
    ) -> Option<HeaderValue> {
        self.answers += 1;
        let Self { realm, nonce, answers } = self;
        let secret = hex(&format!("{USER}:{realm}:{}", password.expose_secret()));
        let asked = hex(&format!("{method}:{target}"));
        let response = hex(&format!("{secret}:{nonce}:{answers:08x}:{cnonce}:auth:{asked}"));
        let header = format!(
            r#"Digest username="{USER}", realm="{realm}", nonce="{nonce}", uri="{target}", algorithm=SHA-256, qop=auth, nc={answers:08x}, cnonce="{cnonce}", response="{response}""#
        );
        let mut header = HeaderValue::try_from(header).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}

/// `name=value` or `name="value"`, apart by commas, which may stand within quotes.
fn fields(text: &str) -> Vec<(&str, &str)> {
    let mut fields = Vec::new();
    let mut rest = text;
    while let Some((name, behind)) = rest.split_once('=') {
        let (value, behind) = match behind.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => behind.split_once(',').unwrap_or((behind, "")),
        };
        fields.push((name.trim_matches([' ', ',']), value.trim()));
        rest = behind;
    }
    fields
}

fn hex(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHALLENGE: &str =
        r#"Digest qop="auth", realm="shellypro2-aabbccddeeff", nonce="1767225600", algorithm=SHA-256"#;

    #[test]
    fn the_documents_example_is_answered() {
        let mut challenge = Challenge::read(CHALLENGE).unwrap();
        let header = challenge.answer(&"door-pass".into(), "POST", "/rpc/Switch.Set", "0a1b2c3d").unwrap();
        assert!(header.is_sensitive());
        let header = header.to_str().unwrap();
        let response = "20f00c21615671042afbae33ed577916f9b85d5bb2da8e565f051b8433b3c634";
        assert!(header.contains(response) && header.contains("nc=00000001"), "{header}");
        let again = challenge.answer(&"door-pass".into(), "POST", "/rpc/Switch.Set", "0a1b2c3d").unwrap();
        assert!(again.to_str().unwrap().contains("nc=00000002"), "{again:?}");
    }

    #[test]
    fn quotes_commas_and_order_do_not_matter() {
        let header = r#"Digest realm="a, b=c",algorithm="sha-256" , nonce=7,qop="auth-int, auth",opaque="x""#;
        let expected = Challenge { realm: "a, b=c".to_owned(), nonce: "7".to_owned(), answers: 0 };
        assert_eq!(Challenge::read(header), Some(expected));
    }

    #[test]
    fn anything_but_sha_256_is_not_answered() {
        for header in [
            r#"Basic realm="shelly""#.to_owned(),
            CHALLENGE.replace("SHA-256", "MD5"),
            CHALLENGE.replace(", algorithm=SHA-256", ""),
            CHALLENGE.replace("SHA-256", "SHA-256-sess"),
            CHALLENGE.replace("\"auth\"", "\"auth-int\""),
            CHALLENGE.replace("1767225600", ""),
        ] {
            assert_eq!(Challenge::read(&header), None, "{header}");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(header in ".*") {
            Challenge::read(&format!("Digest {header}"));
        }
    }
}
