//! The OpenID provider, over HTTP as its clients and a browser see it.

mod control;
mod keys;
mod party;
mod sign_in;
mod token;

use sandbox::Config;
use sandbox::openid::{Client, Person};

/// A public client.
const PUBLIC: &str = "latchkey";
/// A client with a secret that has characters to encode.
const CONFIDENTIAL: &str = "back office";
const SECRET: &str = "a+b:c%d";
const CALLBACK: &str = "http://127.0.0.1:7400/auth/callback";
const REGISTERED: &str = "https://office.example/callback?from=openid";

fn person(sub: &str, name: &str) -> Person {
    Person {
        sub: sub.to_owned(),
        email: format!("{sub}@demo.latchkey.test"),
        name: name.to_owned(),
        email_verified: true,
    }
}

fn config() -> Config {
    let mut config = Config::default();
    config.openid.people = vec![person("ada", "Ada"), person("bob", "Bob <b>")];
    config.openid.clients = vec![
        Client { id: PUBLIC.to_owned(), is_local: true, ..Client::default() },
        Client {
            id: CONFIDENTIAL.to_owned(),
            secret: Some(SECRET.to_owned()),
            redirect_uris: vec![REGISTERED.to_owned()],
            ..Client::default()
        },
    ];
    config
}
