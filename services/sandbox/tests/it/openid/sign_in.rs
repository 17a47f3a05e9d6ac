//! The authorization endpoint and its page.

use http::StatusCode;
use sandbox::openid::Person;

use super::party::{Party, location, sent_back};
use super::{CALLBACK, CONFIDENTIAL, PUBLIC, REGISTERED, config};
use crate::harness::Running;

#[tokio::test]
async fn what_is_discovered_is_the_address_that_was_asked() {
    let running = Running::start(config()).await;
    let found = Party::new(&running).get("/.well-known/openid-configuration").await.json();
    let issuer = running.url("/openid");
    assert_eq!(found["issuer"], issuer);
    for (endpoint, path) in [
        ("authorization_endpoint", "/authorize"),
        ("token_endpoint", "/token"),
        ("userinfo_endpoint", "/userinfo"),
        ("jwks_uri", "/jwks"),
    ] {
        assert_eq!(found[endpoint], format!("{issuer}{path}"));
    }

    let mut config = config();
    config.openid.issuer = Some("https://id.example".to_owned());
    let running = Running::start(config).await;
    let found = Party::new(&running).get("/.well-known/openid-configuration").await.json();
    assert_eq!(found["issuer"], "https://id.example");
    assert_eq!(found["jwks_uri"], "https://id.example/jwks");
}

#[tokio::test]
async fn the_page_has_a_button_for_each_person_and_keeps_the_request() {
    let running = Running::start(config()).await;
    let party = Party::new(&running);
    let page = party
        .authorize(&[("state", "\"><script>x</script>"), ("login_hint", "BOB@demo.latchkey.test")])
        .await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    for text in [
        r#"<form method="post" action="sign-in">"#,
        r#"<button name="person" value="ada">"#,
        r#"<button name="person" value="bob" autofocus>"#,
        "ada@demo.latchkey.test",
        r#"<input type="hidden" name="nonce" value="n-1">"#,
    ] {
        assert!(page.text.contains(text), "{text} in {}", page.text);
    }
    for markup in ["<script>", "Bob <b>"] {
        assert!(!page.text.contains(markup), "{markup} in {}", page.text);
    }
    assert!(page.text.contains("Bob &lt;b&gt;"));
}

#[tokio::test]
async fn who_is_chosen_on_the_page_comes_back_with_a_code_and_who_cancels_without() {
    let running = Running::start(config()).await;
    let party = Party::new(&running);
    let form = |person| {
        [
            ("response_type", "code"),
            ("client_id", PUBLIC),
            ("redirect_uri", "http://localhost:5173/callback?from=here"),
            ("scope", "openid"),
            ("state", "s 1"),
            ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
            ("code_challenge_method", "S256"),
            ("person", person),
        ]
    };
    let chosen = party.post("/sign-in", &form("ada")).await;
    assert!(location(&chosen.headers).as_str().starts_with("http://localhost:5173/callback?from=here&code="));
    let chosen = sent_back(&chosen);
    assert_eq!((&chosen["state"], &chosen["iss"]), (&"s 1".to_owned(), &running.url("/openid")));

    for nobody in ["", "eve"] {
        let cancelled = sent_back(&party.post("/sign-in", &form(nobody)).await);
        assert_eq!((cancelled["error"].as_str(), &cancelled["state"]), ("access_denied", &"s 1".to_owned()));
    }
}

#[tokio::test]
async fn a_hinted_person_signs_in_without_a_page() {
    let running = Running::start(config()).await;
    let party = Party::new(&running);
    let silent = [("prompt", "none"), ("login_hint", "Ada@demo.latchkey.test")];
    let code = sent_back(&party.authorize(&silent).await).remove("code").unwrap();
    let tokens = party.exchange(&code, &[]).await.json();
    assert_eq!(party.verify(&tokens).await.unwrap()["sub"], "ada");

    for hint in ["", "nobody@demo.latchkey.test"] {
        let refused = sent_back(&party.authorize(&[("prompt", "none"), ("login_hint", hint)]).await);
        assert_eq!(refused["error"], "login_required");
    }
}

#[tokio::test]
async fn a_form_is_as_good_as_a_query() {
    let running = Running::start(config()).await;
    let answer =
        Party::new(&running).post("/authorize", &[("client_id", PUBLIC), ("redirect_uri", CALLBACK)]).await;
    assert_eq!(sent_back(&answer)["error"], "invalid_request");
}

#[tokio::test]
async fn a_request_that_is_not_in_order_goes_back_with_its_error() {
    let running = Running::start(config()).await;
    let party = Party::new(&running);
    for (changes, error) in [
        ([("response_type", ""), ("", "")], "invalid_request"),
        ([("response_type", "token"), ("", "")], "unsupported_response_type"),
        ([("response_mode", "fragment"), ("", "")], "invalid_request"),
        ([("scope", ""), ("", "")], "invalid_scope"),
        ([("scope", "email profile"), ("", "")], "invalid_scope"),
        ([("prompt", "none login"), ("", "")], "invalid_request"),
        ([("request", "eyJ9"), ("", "")], "request_not_supported"),
        ([("request_uri", "https://office.example/request"), ("", "")], "request_uri_not_supported"),
        ([("code_challenge", ""), ("code_challenge_method", "")], "invalid_request"),
        ([("code_challenge", ""), ("", "")], "invalid_request"),
        ([("code_challenge", "short"), ("", "")], "invalid_request"),
        ([("code_challenge_method", ""), ("", "")], "invalid_request"),
        ([("code_challenge_method", "plain"), ("", "")], "invalid_request"),
    ] {
        let answer = party.authorize(&changes).await;
        assert!(location(&answer.headers).as_str().starts_with(CALLBACK));
        let back = sent_back(&answer);
        assert_eq!(back["error"], error, "{changes:?}");
        assert!(!back["error_description"].is_empty());
        assert_eq!((&back["state"], &back["iss"]), (&"s 1".to_owned(), &party.issuer()));
        assert!(!back.contains_key("code"));
    }
}

#[tokio::test]
async fn nobody_is_sent_where_no_client_is_registered() {
    let running = Running::start(config()).await;
    let party = Party::new(&running);
    for changes in [
        [("client_id", "another"), ("", "")],
        [("client_id", ""), ("", "")],
        [("redirect_uri", "https://evil.example/<b>"), ("", "")],
        [("redirect_uri", ""), ("", "")],
        [("client_id", CONFIDENTIAL), ("redirect_uri", CALLBACK)],
        [("client_id", CONFIDENTIAL), ("redirect_uri", "https://office.example/callback")],
    ] {
        let refused = party.authorize(&changes).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{changes:?}");
        assert_eq!(refused.header("location"), None);
        assert!(refused.text.contains("Sign-in is not possible") && refused.text.contains("not registered"));
    }
    let twice = format!("/authorize?client_id={PUBLIC}&client_id={PUBLIC}&redirect_uri={CALLBACK}");
    assert!(party.get(&twice).await.text.contains("more than once"));
    let no_form = party.send(party.request("/sign-in").body("{}")).await;
    assert_eq!(no_form.status, StatusCode::BAD_REQUEST);
    assert!(no_form.text.contains("not a form"));
}

#[tokio::test]
async fn a_client_with_a_secret_may_do_without_pkce() {
    let running = Running::start(config()).await;
    let page = Party::new(&running)
        .authorize(&[
            ("client_id", CONFIDENTIAL),
            ("redirect_uri", REGISTERED),
            ("code_challenge", ""),
            ("code_challenge_method", ""),
        ])
        .await;
    assert_eq!(page.status, StatusCode::OK);
}

#[tokio::test]
async fn the_sandbox_as_it_comes_has_a_person_for_each_role() {
    let (_, process) =
        chassis::config::load::<sandbox::ProcessConfig>(sandbox::CONFIG_DEFAULTS, [].into()).unwrap();
    let running = Running::start(process.sandbox).await;
    let people = running.sandbox.openid().people();
    let emails: Vec<_> =
        people.iter().map(|Person { sub, email, .. }| (sub.as_str(), email.as_str())).collect();
    assert_eq!(
        emails,
        [
            ("demo-admin", "admin@demo.latchkey.test"),
            ("demo-guest", "guest@demo.latchkey.test"),
            ("demo-manager", "manager@demo.latchkey.test"),
            ("demo-member", "member@demo.latchkey.test"),
            ("demo-owner", "owner@demo.latchkey.test"),
            ("demo-paused", "paused@demo.latchkey.test"),
        ]
    );
    let party = Party::new(&running);
    for (sub, _) in emails {
        let tokens = party.tokens(sub).await;
        assert_eq!(party.verify(&tokens).await.unwrap()["sub"], sub);
    }
}
