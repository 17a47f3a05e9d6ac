//! Floods of wrong tokens.

use std::collections::BTreeMap;

use chassis::auth::ApiKeyText;
use domain::ApiKeyId;
use futures::stream::{self, StreamExt as _};
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::browser::{get_booking, header};
use crate::world::{World, refusal};

/// As the world's gateway is set.
const ALLOWED: usize = 60;

impl World {
    /// What came of all these tokens, sent many at a time, each from an address.
    pub(crate) async fn flood(&self, tokens: Vec<(String, Option<String>)>) -> BTreeMap<String, usize> {
        let channels: Vec<Channel> = (0..4).map(|_| self.plain_channel()).collect();
        let calls = tokens.into_iter().enumerate().map(|(number, (token, from))| {
            let channel = channels[number % channels.len()].clone();
            async move { self.call_over(&channel, &token, from.as_deref()).await }
        });
        let mut outcomes = BTreeMap::new();
        let mut calls = stream::iter(calls).buffer_unordered(64);
        while let Some(outcome) = calls.next().await {
            let reason = outcome.map_or_else(|status| refusal::<()>(Err(status)).1, |_| "OK".to_owned());
            *outcomes.entry(reason).or_default() += 1;
        }
        outcomes
    }

    /// Wrong tokens, no two alike.
    pub(crate) fn wrong(&self, count: usize) -> Vec<String> {
        let (forger, _) = chassis::auth::new_pair(self.clock.clone());
        let forged = forger.issue(&self.admin(), chrono::Duration::hours(1));
        (0..count).map(|number| format!("{forged}{number}")).collect()
    }
}

pub(crate) fn from_here(tokens: Vec<String>) -> Vec<(String, Option<String>)> {
    tokens.into_iter().map(|token| (token, None)).collect()
}

fn counts<const N: usize>(expected: [(&str, usize); N]) -> BTreeMap<String, usize> {
    expected.map(|(reason, count)| (reason.to_owned(), count)).into()
}

fn too_many<T: std::fmt::Debug>(outcome: Result<T, Status>) -> bool {
    refusal(outcome) == (Code::ResourceExhausted, "TOO_MANY_WRONG_TOKENS".into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_is_refused_unseen_and_who_is_known_still_comes_in() {
    let world = World::new().await;
    let bearer = world.bearer();
    let known = bearer.strip_prefix("Bearer ").unwrap();
    let key = world.key(|_| {});
    world.call(known).await.unwrap();
    world.call(key.text()).await.unwrap();

    let outcomes = world.flood(from_here(world.wrong(5_000))).await;
    let expected = counts([("TOKEN_INVALID", ALLOWED), ("TOO_MANY_WRONG_TOKENS", 5_000 - ALLOWED)]);
    assert_eq!(outcomes, expected);
    world.call(known).await.unwrap();
    world.call(key.text()).await.unwrap();
    world.clock.advance(chrono::Duration::seconds(10));
    // By then the allowance has ten more; they go first.
    assert_eq!(world.flood(from_here(world.wrong(100))).await["TOKEN_INVALID"], 10);
    world.call(key.text()).await.unwrap();
    assert_eq!(world.exchanges(), 2, "a known key is asked for again, whatever else comes");

    // Others are told when to come again, in a way that pages read, too.
    let status = world.call(&world.wrong(1)[0]).await.unwrap_err();
    let wait = status.get_details_retry_info().unwrap().retry_delay.unwrap();
    assert!(!wait.is_zero() && wait.as_secs() <= 1, "{wait:?}");
    assert!(too_many::<()>(Err(status)));
    let page = get_booking(&world, "workspaces/w/bookings/1").bearer_auth("x.y.z").send().await.unwrap();
    assert_eq!(header(&page, "grpc-status"), "8");
    let stranger = world.signer.issue(&world.admin(), chrono::Duration::minutes(30));
    assert!(too_many(world.call(&stranger).await), "not looked at, however good it is");
    world.clock.advance(chrono::Duration::seconds(1));
    world.call(&stranger).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_keys_stop_at_the_gateway() {
    let world = World::new().await;
    let made_up = (0..2_000).map(|_| ApiKeyText::generate(ApiKeyId::new()).text().to_owned()).collect();
    let outcomes = world.flood(from_here(made_up)).await;
    let looked_at = outcomes["API_KEY_INVALID"];
    assert_eq!(looked_at, ALLOWED, "{outcomes:?}");
    assert_eq!(world.exchanges(), ALLOWED);
    let nonsense = (0..100).map(|number| format!("lk_{number}")).collect();
    assert_eq!(world.flood(from_here(nonsense)).await, counts([("TOO_MANY_WRONG_TOKENS", 100)]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_that_are_made_up_are_no_way_around() {
    let world = World::new().await;
    let tokens = world.wrong(300).into_iter().enumerate();
    let tokens = tokens.map(|(number, token)| (token, Some(format!("203.0.113.{}", number % 250)))).collect();
    assert_eq!(world.flood(tokens).await["TOKEN_INVALID"], ALLOWED, "nobody believes the caller");

    let world = World::with(|config| config.connections.trusted_proxies = "127.0.0.0/8".into()).await;
    // Through a proxy that is believed each has its own; but whoever has one address of IPv6 has many.
    let tokens = world.wrong(40 * 100).into_iter().enumerate();
    let address = |number: usize| match number % 40 {
        host @ 0..20 => format!("203.0.113.{host}"),
        host => format!("2001:db8:0:1::{host:x}"),
    };
    let tokens = tokens.map(|(number, token)| (token, Some(address(number)))).collect();
    let looked_at = 21 * ALLOWED;
    let expected = counts([("TOKEN_INVALID", looked_at), ("TOO_MANY_WRONG_TOKENS", 4_000 - looked_at)]);
    assert_eq!(world.flood(tokens).await, expected);
    let good = world.signer.issue(&world.admin(), chrono::Duration::minutes(30));
    let channel = world.plain_channel();
    assert!(too_many(world.call_over(&channel, &good, Some("203.0.113.7")).await));
    world.call_over(&channel, &good, Some("203.0.113.99")).await.unwrap();
    world.call_over(&channel, &good, Some("203.0.113.7")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_at_a_key_from_everywhere_lock_its_holder_not_out() {
    let world = World::with(|config| config.connections.trusted_proxies = "127.0.0.0/8".into()).await;
    let key = world.key(|_| {});
    let guess = |number: usize| {
        (ApiKeyText::generate(key.id()).text().to_owned(), Some(format!("203.0.113.{}", number % 100)))
    };
    // Each address has many tries left; the key has none.
    world.flood((0..100).map(guess).collect()).await;
    let asked = world.exchanges();
    let outcomes = world.flood((0..500).map(guess).collect()).await;
    assert_eq!(outcomes, counts([("TOO_MANY_WRONG_TOKENS", 500)]));
    assert_eq!(world.exchanges(), asked, "nobody was asked");
    // Its holder comes for the first time.
    let channel = world.plain_channel();
    for _ in 0..3 {
        world.call_over(&channel, key.text(), Some("198.51.100.1")).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_was_good_is_not_wrong() {
    let world = World::new().await;
    let expired = world.signer.issue(&world.admin(), chrono::Duration::minutes(1));
    world.clock.advance(chrono::Duration::hours(1));
    let outcomes = world.flood(from_here(vec![expired; 200])).await;
    assert_eq!(outcomes, counts([("TOKEN_EXPIRED", 200)]));
    let nobody = BTreeMap::from([("TOKEN_INVALID".to_owned(), 1)]);
    assert_eq!(world.flood(from_here(world.wrong(1))).await, nobody);
}
