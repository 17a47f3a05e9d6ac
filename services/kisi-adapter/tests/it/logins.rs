//! A login for a person's phone opens what they may open, and its secrets stand nowhere.

use proto::access::v1 as pb;
use proto::access::v1::create_provider_login_response::Outcome;
use sandbox::{Action, Fault, Vendor};

use crate::world::{Grant, Site, World};

impl World {
    async fn login(&self, site: &Site, grant: &Grant) -> Result<pb::MobileLogin, pb::AccessFailure> {
        let request = pb::CreateProviderLoginRequest {
            account: Some(site.account_ref()),
            person: grant.person_name(),
            device_name: "Phone 3".into(),
        };
        let answer = self.control_service().create_provider_login(request).await.unwrap().into_inner();
        match answer.outcome.unwrap() {
            Outcome::MobileLogin(login) => Ok(login),
            Outcome::Failed(failure) => Err(failure),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_with_access_has_logins_and_their_secrets_stand_nowhere() {
    let mut world = World::start().await;
    let site = world.site("Nine");
    let grant = site.grant("Group 00");
    let refused = world.login(&site, &grant).await.unwrap_err();
    assert_eq!(refused.kind(), pb::AccessFailureKind::Rejected, "nobody there knows the person");
    world.send(&grant, 1, Some(world.window(0, 2))).await;
    world.success(&grant).await;
    let login = world.login(&site, &grant).await.unwrap();
    assert!(!login.secret.is_empty() && !login.phone_key.is_empty() && !login.certificate.is_empty());
    let shown = format!("{login:?}");
    assert!(
        [&login.secret, &login.phone_key, &login.certificate].iter().all(|it| !shown.contains(it.as_str()))
    );
    // Another phone, another login.
    let other = world.login(&site, &grant).await.unwrap();
    assert!(other.r#ref != login.r#ref && other.secret != login.secret);
    let rows: i64 =
        sqlx::query_scalar("select count(*) from outbox where outbox::text like '%' || $1 || '%'")
            .bind(&login.secret)
            .fetch_one(&world.pool)
            .await
            .unwrap();
    assert_eq!(rows, 0);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_whose_answer_was_lost_is_told_as_a_failure_and_asked_for_again() {
    let mut world = World::start().await;
    let site = world.site("Nine");
    let grant = site.grant("Group 00");
    world.send(&grant, 1, Some(world.window(0, 2))).await;
    world.success(&grant).await;
    for (action, kind) in [
        (Action::DropAfterEffect, pb::AccessFailureKind::Unreachable),
        (Action::status(429), pb::AccessFailureKind::RateLimited),
        (Action::status(500), pb::AccessFailureKind::Unreachable),
    ] {
        let fault = Fault::on(Vendor::Kisi, action).request("POST", "/logins$").times(1);
        let id = world.twin.sandbox.faults().add(fault).unwrap();
        let failure = world.login(&site, &grant).await.unwrap_err();
        assert_eq!(failure.kind(), kind, "{failure:?}");
        world.twin.sandbox.faults().remove(id);
        world.login(&site, &grant).await.unwrap();
    }
    world.finish().await;
}
