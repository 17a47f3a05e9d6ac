//! What came with which version of Access (UniFi Access API reference, change log).

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

use super::Unifi;
use super::refusal::{Code, Refusal};
use super::switches::Switches;

/// Routes that a console has since a version; an older one refuses them.
pub(super) fn since(
    unifi: &Arc<Unifi>,
    version: &'static str,
    routes: Router<Arc<Unifi>>,
) -> Router<Arc<Unifi>> {
    routes.route_layer(from_fn_with_state((unifi.clone(), version), refuse_before))
}

async fn refuse_before(
    State((unifi, version)): State<(Arc<Unifi>, &'static str)>,
    request: Request,
    next: Next,
) -> Response {
    if unifi.switches().has(version) {
        next.run(request).await
    } else {
        Refusal::new(Code::ApiNotSupported).into_response()
    }
}

impl Switches {
    /// Whether the console's version is that one or a later one.
    pub(super) fn has(&self, version: &str) -> bool {
        let numbers =
            |text: &str| -> Vec<u32> { text.split('.').map(|part| part.parse().unwrap_or(0)).collect() };
        numbers(&self.version) >= numbers(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        let switches = Switches { version: "3.10.2".to_owned(), ..Switches::default() };
        for (version, has) in [("3.9.9", true), ("3.10.2", true), ("3.10.10", false), ("4.0.0", false)] {
            assert_eq!(switches.has(version), has, "{version}");
        }
    }
}
