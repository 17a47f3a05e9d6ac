//! From where a call comes. The gateway knows, and says so to the services behind it.

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue, Request};
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};

use crate::identity;

/// The header in which the gateway says it. Nobody else is believed.
const HEADER: &str = "latchkey-client-address";

/// The service that is believed.
const GATEWAY: &str = "gateway";

/// An address of a caller outside, as what faces the outside found it: an extension of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// Says it to the service behind, in place of what the caller may have written there.
    pub fn tell(address: Option<Self>, headers: &mut HeaderMap) {
        headers.remove(HEADER);
        if let Some(Self(address)) = address {
            let value = HeaderValue::try_from(address.to_string()).expect("an address is printable ASCII");
            headers.insert(HEADER, value);
        }
    }

    /// Where the other end of the connection is.
    pub fn of_peer(extensions: &http::Extensions) -> Option<IpAddr> {
        let plain = extensions.get::<TcpConnectInfo>();
        let over_tls = extensions.get::<TlsConnectInfo<TcpConnectInfo>>().map(TlsConnectInfo::get_ref);
        Some(plain.or(over_tls)?.remote_addr()?.ip().to_canonical())
    }
}

/// From where a request comes: what the front of this service found, else what the gateway says of its
/// caller, else where the connection comes from.
pub(crate) fn of<B>(request: &Request<B>) -> Option<IpAddr> {
    if let Some(ClientAddress(address)) = request.extensions().get() {
        return Some(*address);
    }
    if identity::caller(request.extensions()).as_deref() == Some(GATEWAY) {
        return request.headers().get(HEADER)?.to_str().ok()?.parse().ok();
    }
    ClientAddress::of_peer(request.extensions())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_caller_writes_is_replaced_and_not_believed() {
        let mut request = Request::new(());
        request.headers_mut().insert(HEADER, HeaderValue::from_static("203.0.113.7"));
        assert_eq!(of(&request), None, "it is not the gateway's");

        let found: IpAddr = "2001:db8::7".parse().unwrap();
        ClientAddress::tell(Some(ClientAddress(found)), request.headers_mut());
        assert_eq!(request.headers()[HEADER], "2001:db8::7");
        ClientAddress::tell(None, request.headers_mut());
        assert!(request.headers().is_empty());

        request.extensions_mut().insert(ClientAddress(found));
        assert_eq!(of(&request), Some(found));
    }
}
