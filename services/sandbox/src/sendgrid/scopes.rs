//! What an API key may do: which scope a request needs (SendGrid documentation, API Key Permissions).

use std::collections::BTreeSet;

use http::Method;

/// All scopes that the twin's paths ask for: those of a key with full access.
pub(crate) fn all() -> BTreeSet<String> {
    let mut all = BTreeSet::from(["mail.send".to_owned(), "user.webhooks.event.test.create".to_owned()]);
    for list in ["bounces", "blocks", "invalid_emails", "spam_reports"] {
        all.extend(["read", "delete"].map(|verb| format!("suppression.{list}.{verb}")));
    }
    all.insert("suppression.unsubscribes.read".to_owned());
    for resource in ["asm.suppressions.global", "asm.groups.suppressions", "asm.groups"] {
        all.extend(["create", "read", "delete"].map(|verb| format!("{resource}.{verb}")));
    }
    let verbs = ["create", "read", "update", "delete"];
    all.extend(verbs.map(|verb| format!("user.webhooks.event.settings.{verb}")));
    all
}

/// The scope that a request needs. None: any valid key will do.
pub(crate) fn needed(method: &Method, path: &str) -> Option<String> {
    let verb = match *method {
        Method::POST => "create",
        Method::PATCH | Method::PUT => "update",
        Method::DELETE => "delete",
        _ => "read",
    };
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    let resource = match segments.as_slice() {
        ["v3", "mail", "send"] => return Some("mail.send".to_owned()),
        ["v3", "suppression", list, ..] => format!("suppression.{list}"),
        ["v3", "asm", "suppressions", "global", ..] => "asm.suppressions.global".to_owned(),
        ["v3", "asm", "groups", _, "suppressions", ..] => "asm.groups.suppressions".to_owned(),
        ["v3", "asm", "groups", ..] => "asm.groups".to_owned(),
        ["v3", "user", "webhooks", "event", "settings", ..] => "user.webhooks.event.settings".to_owned(),
        ["v3", "user", "webhooks", "event", "test"] => "user.webhooks.event.test".to_owned(),
        _ => return None,
    };
    Some(format!("{resource}.{verb}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_with_full_access_may_do_all_that_is_asked_for() {
        let all = all();
        for (method, path, scope) in [
            (Method::POST, "/v3/mail/send", "mail.send"),
            (Method::GET, "/v3/suppression/bounces", "suppression.bounces.read"),
            (Method::DELETE, "/v3/suppression/blocks/a@b.c", "suppression.blocks.delete"),
            (Method::GET, "/v3/suppression/unsubscribes", "suppression.unsubscribes.read"),
            (Method::POST, "/v3/asm/suppressions/global", "asm.suppressions.global.create"),
            (Method::GET, "/v3/asm/groups/7/suppressions", "asm.groups.suppressions.read"),
            (Method::POST, "/v3/asm/groups", "asm.groups.create"),
            (
                Method::PATCH,
                "/v3/user/webhooks/event/settings/signed/1",
                "user.webhooks.event.settings.update",
            ),
            (Method::POST, "/v3/user/webhooks/event/test", "user.webhooks.event.test.create"),
        ] {
            assert_eq!(needed(&method, path).as_deref(), Some(scope));
            assert!(all.contains(scope), "{scope}");
        }
        assert_eq!(needed(&Method::GET, "/v3/scopes"), None);
    }
}
