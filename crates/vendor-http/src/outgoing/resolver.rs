//! Names that become addresses which may be connected to.

use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::Outgoing;

/// Asks the system where a name leads, and gives only what may be connected to. URLs that name an address
/// never come here: [`Outgoing::admit_literal`].
pub(crate) struct Resolver(pub(crate) Arc<Outgoing>);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let rules = self.0.clone();
        Box::pin(async move {
            // The port is the URL's.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let admitted: Addrs = Box::new(rules.admit(name.as_str(), found)?.into_iter());
            Ok(admitted)
        })
    }
}
