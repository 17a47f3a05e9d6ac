//! A guest is let in by a link of their own, within their window, and has no user at Kisi.

use proto::access::v1 as pb;
use proto::access::v1::reveal_door_secret_response::Secret;

use crate::world::{Grant, World};

impl World {
    /// The guest's link, as it is told to them.
    async fn link(&self, grant: &Grant) -> Option<String> {
        let request = pb::RevealDoorSecretRequest { name: grant.name.to_string() };
        match self.secrets().reveal_door_secret(request).await.ok()?.into_inner().secret? {
            Secret::Link(link) => Some(link),
            Secret::Pin(_) => panic!("Kisi knows no PINs"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_has_one_link_that_opens_within_the_window_and_is_withdrawn_at_once() {
    let mut world = World::start().await;
    let site = world.site("Nine");
    // Of somebody without an address: they may have just a phone.
    let grant = site.grant("Lock 03").without_email().of_guest();
    world.send(&grant, 1, Some(world.window(1, 2))).await;
    let applied = world.success(&grant).await;
    assert!(applied.has_new_secret && applied.provider_ref.starts_with("link-"), "{applied:?}");
    let early = world.link(&grant).await.unwrap();
    assert!(!world.twin.opens(&early, grant.lock).await, "it is for later");
    assert_eq!(site.org.link_windows(grant.lock), [world.window(1, 2)]);
    world.send(&grant, 2, Some(world.window(0, 2))).await;
    assert!(world.success(&grant).await.has_new_secret);
    let link = world.link(&grant).await.unwrap();
    assert!(world.twin.opens(&link, grant.lock).await && link != early);
    assert!(!world.twin.opens(&early, grant.lock).await, "there is never more than one");
    assert_eq!(site.org.link_windows(grant.lock), [world.window(0, 2)]);
    assert!(site.windows(&grant).is_empty() && site.org.user(&grant.email).is_none(), "no user, no right");
    world.send(&grant, 3, None).await;
    let applied = world.success(&grant).await;
    assert_eq!((applied.window, applied.provider_ref.as_str()), (None, ""));
    assert!(!world.twin.opens(&link, grant.lock).await, "withdrawn");
    assert_eq!(world.link(&grant).await, None);
    assert!(site.org.link_windows(grant.lock).is_empty());
    world.finish().await;
}
