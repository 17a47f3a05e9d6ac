//! What adapters find when they compare: what is given again, what is listed and told, and what is not
//! believed.

use chassis::input::timestamp;
use domain::IntegrationId;
use domain::names::IntegrationName;
use proto::access::v1 as pb;
use proto::access::v1::account_reconciled::Outcome;
use testkit::eventually;

use crate::adapter::failure;
use crate::world::{LIMIT, Message, World, window};

impl World {
    fn account(&self) -> IntegrationName {
        IntegrationName { workspace: self.workspace, id: IntegrationId::new() }
    }

    /// The `turn`th comparison of an account.
    fn turn(&self, account: IntegrationName, turn: i64, outcome: Outcome) -> Message {
        let body = pb::AccountReconciled {
            provider: "kisi".into(),
            integration: account.to_string(),
            begin_time: Some(timestamp(self.now())),
            end_time: Some(timestamp(self.now())),
            outcome: Some(outcome),
        };
        self.message(&account.to_string(), turn, &body)
    }

    /// One that found all of this.
    pub(crate) fn found(&self, account: IntegrationName, turn: i64, drifts: &[pb::DriftReport]) -> Message {
        self.found_part(account, turn, drifts, drifts)
    }

    /// One that found all of this, and tells a part.
    fn found_part(
        &self,
        account: IntegrationName,
        turn: i64,
        all: &[pb::DriftReport],
        part: &[pb::DriftReport],
    ) -> Message {
        let count = |kind: pb::DriftKind| {
            i32::try_from(all.iter().filter(|drift| drift.kind() == kind).count()).unwrap()
        };
        let counts = pb::DriftCounts {
            rights: 7,
            missing: count(pb::DriftKind::Missing),
            changed: count(pb::DriftKind::Changed),
            unwanted: count(pb::DriftKind::Unwanted),
            foreign: count(pb::DriftKind::Foreign),
        };
        let comparison = pb::AccountComparison { counts: Some(counts), drifts: part.to_vec() };
        self.turn(account, turn, Outcome::Comparison(comparison))
    }

    /// Waits until all comparisons that were told before are taken in: by one of another account.
    async fn take_in(&self) {
        let fence = self.account();
        self.send(&self.found(fence, 1, &[])).await;
        eventually("comparisons are taken in", LIMIT, async || {
            let taken = self.reconciliations().await;
            if taken.iter().any(|row| row.integration == fence.to_string()) {
                Ok(())
            } else {
                Err(format!("{taken:?}"))
            }
        })
        .await;
    }

    /// Someone else's access is found, and known.
    pub(crate) async fn note_drift(&self) {
        self.send(&self.found(self.account(), 1, &[other(pb::DriftKind::Foreign, "bob")])).await;
        self.take_in().await;
    }

    async fn reconciliations(&self) -> Vec<pb::Reconciliation> {
        let request = pb::ListReconciliationsRequest {
            parent: self.name.clone(),
            page_size: 500,
            ..Default::default()
        };
        self.client.clone().list_reconciliations(request).await.unwrap().into_inner().reconciliations
    }

    async fn reconciliation(&self, account: IntegrationName) -> pb::Reconciliation {
        let all = self.reconciliations().await;
        all.into_iter().find(|row| row.integration == account.to_string()).unwrap()
    }

    async fn drifts(&self, show_ended: bool) -> Vec<pb::Drift> {
        let request = pb::ListDriftsRequest { parent: self.name.clone(), show_ended, ..Default::default() };
        self.client.clone().list_drifts(request).await.unwrap().into_inner().drifts
    }

    /// The provider's ids of what is there now.
    async fn there(&self) -> Vec<String> {
        let mut there: Vec<String> =
            self.drifts(false).await.into_iter().map(|drift| drift.provider_ref).collect();
        there.sort();
        there
    }

    /// Drifts that were told as found, by the provider's ids, in order.
    async fn told_drifts(&self, expected: &[&str]) {
        eventually("drifts are told", LIMIT, async || {
            let stream = self.bus.stream(events::subject::StreamKind::Event).await.unwrap();
            let mut told = Vec::new();
            for sequence in 1..=stream.cached_info().state.last_sequence {
                let message = stream.get_raw_message(sequence).await.unwrap();
                if message.subject.contains("access.drift_found") {
                    let fact: pb::AccessDriftFound = serde_json::from_slice(&message.payload).unwrap();
                    told.push(fact.drift.unwrap().provider_ref);
                }
            }
            if told == expected { Ok(()) } else { Err(format!("{told:?}")) }
        })
        .await;
    }

    /// A booking from nine to ten whose access the provider has.
    async fn settle_one(&mut self) -> pb::AccessCommand {
        let resource = self.mapped("group-1").await;
        self.tell(&self.booking(&self.new_person(), &resource, 9, 10)).await;
        self.obey().await
    }
}

fn target() -> Option<pb::DoorTarget> {
    Some(pb::DoorTarget {
        kind: pb::DoorTargetKind::Group.into(),
        r#ref: "group-1".into(),
        display_name: "Front doors".into(),
    })
}

/// What a command brought about is not there any more.
fn missing(command: &pb::AccessCommand) -> pb::DriftReport {
    pb::DriftReport {
        kind: pb::DriftKind::Missing.into(),
        grant: command.grant.clone(),
        generation: command.generation,
        target: target(),
        provider_ref: "gone".into(),
        expected: command.window,
        ..Default::default()
    }
}

/// Someone has access that no grant is for.
fn other(kind: pb::DriftKind, provider_ref: &str) -> pb::DriftReport {
    pb::DriftReport {
        kind: kind.into(),
        target: target(),
        holder: "Bob <bob@example.org>".into(),
        provider_ref: provider_ref.into(),
        ..Default::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_is_given_again_and_listed_until_it_is_there() {
    let mut world = World::new().await;
    let first = world.settle_one().await;
    let account = world.account();
    let told = world.found(account, 1, &[missing(&first)]);
    world.send(&told).await;
    world.send(&told).await;
    let again = world.command().await;
    assert_eq!((again.generation, again.window), (first.generation + 1, first.window));
    world.take_in().await;
    let [drift] = &world.drifts(false).await[..] else { panic!("there is one") };
    assert_eq!(drift.kind(), pb::DriftKind::Missing);
    assert_eq!((&drift.grant, &drift.person), (&first.grant, &first.person.as_ref().unwrap().name));
    assert_eq!((drift.expected, drift.end_time), (first.window, None));
    assert_eq!(drift.integration, account.to_string());
    // Told by a later turn of the same comparison's outcome: a command is under way.
    world.send(&world.found(account, 2, &[missing(&first)])).await;
    world.take_in().await;
    world.applied(&again).await;
    world.settled(&again).await;
    assert_eq!(world.drifts(false).await, []);
    let [ended] = &world.drifts(true).await[..] else { panic!("it is kept") };
    assert_eq!(ended.end_time, Some(timestamp(world.now())));
    // And later still, of a generation that is over.
    world.send(&world.found(account, 3, &[missing(&first)])).await;
    world.take_in().await;
    assert_eq!(world.quiet().await, []);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_another_window_is_given_as_it_should_be() {
    let mut world = World::new().await;
    let first = world.settle_one().await;
    let moved = window((11, 0), (12, 0)).unwrap();
    let change = pb::DriftReport {
        kind: pb::DriftKind::Changed.into(),
        holder: "Ada".into(),
        found_start_time: moved.start_time,
        found_end_time: moved.end_time,
        ..missing(&first)
    };
    world.send(&world.found(world.account(), 1, std::slice::from_ref(&change))).await;
    let again = world.command().await;
    assert_eq!(again.window, first.window);
    let grant = world.grant("it is under way", |grant| grant.state() == pb::GrantState::InFlight).await;
    assert_eq!(grant.observed, Some(moved), "the ledger says what the provider has");
    world.applied(&again).await;
    world.settled(&again).await;

    // Without an end it is no window of ours.
    let forever = pb::DriftReport { found_end_time: None, generation: again.generation, ..change };
    world.send(&world.found(world.account(), 1, &[forever])).await;
    let again = world.obey().await;
    assert_eq!(again.window, first.window);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_comparison_that_raced_with_a_command_changes_nothing() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    let stay = world.booking(&world.new_person(), &resource, 9, 10);
    world.tell(&stay).await;
    let command = world.command().await;
    let account = world.account();
    // Under way.
    world.send(&world.found(account, 1, &[missing(&command)])).await;
    world.take_in().await;
    world.applied(&command).await;
    world.settled(&command).await;
    // Moved since.
    world.tell(&stay.rescheduled(11, 12)).await;
    let moved = world.obey().await;
    assert_eq!(moved.generation, 2);
    world.send(&world.found(account, 2, &[missing(&command)])).await;
    // Of an earlier turn than one that found nothing.
    world.send(&world.found(account, 9, &[])).await;
    world.send(&world.found(account, 8, &[missing(&moved)])).await;
    world.take_in().await;
    assert_eq!(world.quiet().await, []);
    assert_eq!(world.drifts(false).await, []);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_gave_is_listed_as_long_as_it_is_there_and_told_once() {
    let world = World::new().await;
    let account = world.account();
    let (bob, stray) = (other(pb::DriftKind::Foreign, "bob"), other(pb::DriftKind::Unwanted, "stray"));
    world.send(&world.found(account, 1, &[bob.clone(), stray.clone()])).await;
    world.take_in().await;
    let listed = world.drifts(false).await;
    let kind = |name: &str| listed.iter().find(|drift| drift.provider_ref == name).unwrap().kind();
    assert_eq!((kind("bob"), kind("stray")), (pb::DriftKind::Foreign, pb::DriftKind::Unwanted));
    assert!(listed.iter().all(|drift| drift.holder == "Bob <bob@example.org>" && drift.grant.is_empty()));

    world.harness.clock.advance(chrono::Duration::hours(1));
    world.send(&world.found(account, 2, std::slice::from_ref(&bob))).await;
    world.take_in().await;
    let [there] = &world.drifts(false).await[..] else { panic!("the stray one was taken away") };
    assert_eq!(there.last_seen_time, Some(timestamp(world.now())));
    assert_ne!(there.first_seen_time, there.last_seen_time);
    world.send(&world.found(account, 3, &[])).await;
    world.take_in().await;
    assert_eq!(world.drifts(false).await, []);
    assert_eq!(world.drifts(true).await.len(), 2);
    // There again is news again.
    world.send(&world.found(account, 4, &[bob])).await;
    world.take_in().await;
    assert_eq!(world.there().await, ["bob"]);
    let counts = world.reconciliation(account).await.counts.unwrap();
    assert_eq!((counts.rights, counts.foreign, counts.unwanted), (7, 1, 0));
    world.told_drifts(&["bob", "stray", "bob"]).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_comparison_in_parts_ends_nothing_before_all_of_it_is_known() {
    let world = World::new().await;
    let account = world.account();
    let all = ["one", "two", "three"].map(|name| other(pb::DriftKind::Foreign, name));
    world.send(&world.found(account, 1, &all)).await;
    world.take_in().await;
    let left = &all[..2];
    // The last part first, and twice.
    let parts =
        left.iter().rev().map(|drift| world.found_part(account, 2, left, std::slice::from_ref(drift)));
    let parts: Vec<Message> = parts.collect();
    world.send(&parts[0]).await;
    world.send(&world.found_part(account, 2, left, &left[1..])).await;
    world.take_in().await;
    assert_eq!(world.there().await, ["one", "three", "two"]);
    world.send(&parts[1]).await;
    world.take_in().await;
    assert_eq!(world.there().await, ["one", "two"]);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_comparison_that_failed_says_why_and_nothing_else() {
    let world = World::new().await;
    let account = world.account();
    world.send(&world.found(account, 1, &[other(pb::DriftKind::Foreign, "bob")])).await;
    let reason = "Kisi listed /role_assignments incompletely";
    let failed = Outcome::Failed(failure(pb::AccessFailureKind::Unreachable, reason));
    world.send(&world.turn(account, 2, failed)).await;
    world.take_in().await;
    assert_eq!(world.there().await, ["bob"]);
    let row = world.reconciliation(account).await;
    assert_eq!((row.failure_reason.as_str(), row.provider.as_str()), (reason, "kisi"));
    assert!(row.fail_time.is_some() && row.begin_time.is_some() && row.counts.unwrap().foreign == 1);
    // A whole one after it makes it a thing of the past.
    world.send(&world.found(account, 3, &[])).await;
    world.take_in().await;
    let row = world.reconciliation(account).await;
    assert_eq!((row.failure_reason.as_str(), row.fail_time), ("", None));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_comparison_about_anothers_grant_is_refused_and_pages_are_pages() {
    let mut world = World::new().await;
    let command = world.settle_one().await;
    let elsewhere =
        domain::names::GrantName { workspace: domain::WorkspaceId::new(), id: domain::GrantId::new() };
    let foreign = pb::DriftReport { grant: elsewhere.to_string(), ..missing(&command) };
    world.send(&world.found(world.account(), 1, &[foreign])).await;
    let account = world.account();
    let many: Vec<_> = (0..5).map(|n| other(pb::DriftKind::Foreign, &n.to_string())).collect();
    world.send(&world.found(account, 1, &many)).await;
    world.take_in().await;
    let mut seen = Vec::new();
    let mut page_token = String::new();
    loop {
        let request =
            pb::ListDriftsRequest { parent: world.name.clone(), page_size: 2, page_token, show_ended: false };
        let page = world.client.clone().list_drifts(request).await.unwrap().into_inner();
        assert!(page.drifts.len() <= 2);
        seen.extend(page.drifts.into_iter().map(|drift| drift.provider_ref));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    seen.sort();
    assert_eq!(seen, ["0", "1", "2", "3", "4"]);
    assert_eq!(world.quiet().await, []);
    world.harness.finish_with_dead_letters(1).await;
}
