//! The faults that are made on purpose. Each is one that someone could make.

/// A change of one place of the source.
pub(crate) struct Mutation {
    /// What is wrong then.
    pub name: &'static str,
    /// From the root of the repository.
    pub file: &'static str,
    /// Stands there exactly once.
    pub text: &'static str,
    pub replacement: &'static str,
}

const ENGINE: &str = "services/access-control/src/engine.rs";
const OUTLOOK: &str = "services/access-control/src/engine/outlook.rs";
const HEAR: &str = "services/access-control/src/app/hear.rs";
const MANAGE: &str = "services/access-control/src/app/manage.rs";
const REPLAN: &str = "services/access-control/src/app/replan.rs";
const RECONCILE: &str = "services/access-control/src/app/reconcile.rs";
const ENTITLEMENTS: &str = "services/access-control/src/store/entitlement.rs";
const GRANTS: &str = "services/access-control/src/store/grant.rs";
const PEOPLE: &str = "services/access-control/src/store/person.rs";
const INTEGRATIONS: &str = "services/access-control/src/store/integration.rs";
const HEARS_OF_SOURCES: &str = "services/access-control/src/consumers/workspace.rs";
const HEARS_OF_RESULTS: &str = "services/access-control/src/consumers/results.rs";
const BOOKINGS: &str = "services/access-control/src/sources/booking.rs";
const PASSES: &str = "services/access-control/src/sources/pass.rs";
const MEMBERSHIPS: &str = "services/access-control/src/sources/membership.rs";
const CONTRACTS: &str = "services/access-control/src/sources/contract.rs";
const WEEKLY_HOURS: &str = "crates/domain/src/weekly_hours.rs";
const ZONE: &str = "crates/domain/src/zone.rs";
const CONSUMER: &str = "crates/events/src/consumer.rs";

pub(crate) const MUTATIONS: [Mutation; 48] = [
    Mutation {
        name: "access is taken back at any booking's end",
        file: OUTLOOK,
        text: "outlook.windows = Window::union(outlook.windows);",
        replacement: "outlook.windows.sort_by_key(|window| window.end());",
    },
    Mutation {
        name: "windows are told whatever the horizon",
        file: ENGINE,
        text: "upcoming.filter(|_| is_told || due_at_horizon.is_some_and(|at| at <= now))",
        replacement: "upcoming",
    },
    Mutation {
        name: "the generation of a result is ignored",
        file: ENGINE,
        text: "generation != ledger.generation || ledger.in_flight_until.is_none()",
        replacement: "ledger.in_flight_until.is_none()",
    },
    Mutation {
        name: "a command without a result is waited for for good",
        file: ENGINE,
        text: "ledger.in_flight_until.is_some_and(|until| until <= now)",
        replacement: "ledger.in_flight_until.is_some_and(|until| until <= now - Duration::days(365))",
    },
    Mutation {
        name: "what was refused was not done",
        file: ENGINE,
        text: "ledger.in_flight_until.is_none() && ledger.told != desired;",
        replacement: "ledger.in_flight_until.is_none() && ledger.told != ledger.told;",
    },
    Mutation {
        name: "nobody looks when a window is over",
        file: ENGINE,
        text: "Some(window) => Some(outlook.look_again_at(window)),",
        replacement: "Some(_) => None,",
    },
    Mutation {
        name: "nobody looks when a window comes within the horizon",
        file: ENGINE,
        text: "        None => due_at_horizon,\n",
        replacement: "        None => None,\n",
    },
    Mutation {
        name: "another window than the wanted one will do",
        file: ENGINE,
        text: "(Some(wanted), Observed::Holds(held)) => wanted == held && ledger.knows_person,",
        replacement: "(Some(wanted), Observed::Holds(held)) => held.contains(wanted.start()) && ledger.knows_person,",
    },
    Mutation {
        name: "what someone did by hand is not believed",
        file: RECONCILE,
        text: "drift(grant.ledger, report.generation, report.found())",
        replacement: "drift(grant.ledger, report.generation, grant.ledger.observed)",
    },
    Mutation {
        name: "the lag is dropped",
        file: OUTLOOK,
        text: "opening.widened(lead, lag)",
        replacement: "opening.widened(lead, lag - lag)",
    },
    Mutation {
        name: "another address of a person is not told",
        file: REPLAN,
        text: "person.is_none_or(|person| person.contact_version == grant.known_contact)",
        replacement: "person.is_none_or(|person| person.contact_version >= grant.known_contact)",
    },
    Mutation {
        name: "what has ended is history at once",
        file: ENTITLEMENTS,
        text: "now - Duration::minutes(MINUTES_MAX.into())",
        replacement: "now - Duration::minutes(i64::from(MINUTES_MAX) - 1_440)",
    },
    Mutation {
        name: "an older version of a source counts",
        file: ENTITLEMENTS,
        text: "where entitlement_source.version <= excluded.version",
        replacement: "where entitlement_source.version <> excluded.version",
    },
    Mutation {
        name: "an older version of a person counts",
        file: PEOPLE,
        text: "where person.version < excluded.version",
        replacement: "where person.version <> excluded.version",
    },
    Mutation {
        name: "an older version of an integration counts",
        file: INTEGRATIONS,
        text: "case when i.version < excluded.version then",
        replacement: "case when i.version <> excluded.version then",
    },
    Mutation {
        name: "a location's own integration serves it before it was ever active",
        file: INTEGRATIONS,
        text: "values ($1, $2, $3, $4, $5, $5, $6)",
        replacement: "values ($1, $2, $3, $4, $5, true, $6)",
    },
    Mutation {
        name: "what the workspace's integration gave stays when the location has its own",
        file: ENTITLEMENTS,
        text: "where own.location_id is not distinct from g.served_by\n         union all",
        replacement: "where own.location_id is not distinct from coalesce(g.served_by, own.location_id)\n         union all",
    },
    Mutation {
        name: "what a location says of the lead is ignored",
        file: ENTITLEMENTS,
        text: "coalesce(m.lead_minutes, l.lead_minutes, s.lead_minutes, $3)",
        replacement: "coalesce(m.lead_minutes, s.lead_minutes, $3)",
    },
    Mutation {
        name: "who is paused has access",
        file: REPLAN,
        text: "Some(person) if person.is_active =>",
        replacement: "Some(_) =>",
    },
    Mutation {
        name: "commands are told while an integration is not active",
        file: REPLAN,
        text: "if resting.contains(&grant.id) {",
        replacement: "if resting.len() > 1_000 {",
    },
    Mutation {
        name: "who lost an entitlement is not looked at",
        file: HEAR,
        text: "store::of_entitlements(conn, gone.iter().map(|(_, it)| it).chain(&new))",
        replacement: "store::of_entitlements(conn, &new)",
    },
    Mutation {
        name: "who was paused is not looked at",
        file: HEAR,
        text: "        if !changed.is_empty() {\n",
        replacement: "        if changed.len() > 1_000 {\n",
    },
    Mutation {
        name: "an integration that is active again has nobody looked at",
        file: HEAR,
        text: "if change.of_following || change.begins_to_serve {",
        replacement: "if change.begins_to_serve {",
    },
    Mutation {
        name: "the others are not told that access was given",
        file: HEAR,
        text: "            messages.extend(told.map(",
        replacement: "            messages.extend(told.filter(|_| before.observed != Observed::Nothing).map(",
    },
    Mutation {
        name: "deleting a mapping leaves access alone",
        file: MANAGE,
        text: "grant::make_target_due(change.conn(), workspace, &mapping.target, now).await?;",
        replacement: "",
    },
    Mutation {
        name: "new settings are not followed",
        file: MANAGE,
        text: "settings::upsert(change.conn(), workspace, settings).await?;\n        \
               grant::make_workspace_due(change.conn(), workspace, None, now).await?;",
        replacement: "settings::upsert(change.conn(), workspace, settings).await?;",
    },
    Mutation {
        name: "a new mapping serves only later bookings",
        file: MANAGE,
        text: "grant::ensure_for_mapping(change.conn(), workspace, &mapping, now).await?;",
        replacement: "",
    },
    Mutation {
        name: "a new mapping and a new booking may miss each other",
        file: HEARS_OF_SOURCES,
        text: "self.app.hold_off_mappings(conn, &workspaces).await?;",
        replacement: "",
    },
    Mutation {
        name: "two replicas decide about one grant at the same time",
        file: GRANTS,
        text: "order by g.workspace_id, g.id for update of g",
        replacement: "order by g.workspace_id, g.id",
    },
    Mutation {
        name: "windows of another workspace count",
        file: ENTITLEMENTS,
        text: "join entitlement e on e.workspace_id = g.workspace_id and e.person_id = g.person_id",
        replacement: "join entitlement e on e.person_id = g.person_id",
    },
    Mutation {
        name: "a workspace is believed about another's grants",
        file: HEARS_OF_RESULTS,
        text: "if result.grant.workspace != envelope.workspace {",
        replacement: "if result.grant.workspace == domain::WorkspaceId::new() {",
    },
    Mutation {
        name: "a booking that failed gives access",
        file: BOOKINGS,
        text: "        | pb::BookingState::Failed\n        | pb::BookingState::Cancelled => false,",
        replacement: "        | pb::BookingState::Cancelled => false,\n        pb::BookingState::Failed => true,",
    },
    Mutation {
        name: "a message is acknowledged before its effect is committed",
        file: CONSUMER,
        text: "    handler.apply(&mut tx, &received).await?;\n    tx.commit().await?;\n",
        replacement: "    tx.commit().await?;\n    let mut tx = pool.begin().await?;\n    \
                      handler.apply(&mut tx, &received).await?;\n    tx.commit().await?;\n",
    },
    Mutation {
        name: "a pass that was cancelled gives access",
        file: PASSES,
        text: "pb::PassState::Unspecified | pb::PassState::Cancelled => false",
        replacement: "pb::PassState::Unspecified => false,\n        pb::PassState::Cancelled => true",
    },
    Mutation {
        name: "a day pass that is used up gives nothing any more",
        file: PASSES,
        text: "pb::PassState::Valid | pb::PassState::UsedUp | pb::PassState::Expired => true,",
        replacement: "pb::PassState::Valid | pb::PassState::Expired => true,\n        pb::PassState::UsedUp => false,",
    },
    Mutation {
        name: "a pass is good at any hour",
        file: PASSES,
        text: "hours: hours.clone() }",
        replacement: "hours: hours.clone().filter(|_| false) }",
    },
    Mutation {
        name: "the days of a day pass are those of UTC",
        file: ZONE,
        text: "Window::new(midnight(zone, day), midnight(zone, day.succ_opt()?)).ok()",
        replacement: "Window::new(midnight(Tz::UTC, day), midnight(if zone == Tz::UTC { zone } else { Tz::UTC }, day.succ_opt()?)).ok()",
    },
    Mutation {
        name: "grace is ignored",
        file: MEMBERSHIPS,
        text: "Duration::days(i64::from(grace_days.max(0)))",
        replacement: "Duration::days(i64::from(grace_days.min(0)))",
    },
    Mutation {
        name: "a membership that is ending has grace",
        file: MEMBERSHIPS,
        text: "        pb::MembershipState::Ending => Some(paid),\n",
        replacement: "        pb::MembershipState::Ending => until(paid.end() + Duration::days(i64::from(grace_days.max(0)))),\n",
    },
    Mutation {
        name: "a membership that was ended goes on until it is no longer paid for",
        file: MEMBERSHIPS,
        text: "(ran_out && !membership.is_paused).then_some(paid)",
        replacement: "(ran_out || !membership.is_paused).then_some(paid)",
    },
    Mutation {
        name: "a paused membership gives access",
        file: MEMBERSHIPS,
        text: "pb::MembershipState::Paused | pb::MembershipState::Unspecified => None",
        replacement: "pb::MembershipState::Unspecified => None,\n        pb::MembershipState::Paused => Some(paid)",
    },
    Mutation {
        name: "a renewal is not heard",
        file: MEMBERSHIPS,
        text: "        pb::MembershipRenewed::TYPE => decode_json::<pb::MembershipRenewed>(payload)?.snapshot,\n",
        replacement: "",
    },
    Mutation {
        name: "who leaves a team keeps its membership",
        file: MEMBERSHIPS,
        text: "        pb::MembershipPeopleChanged::TYPE => decode_json::<pb::MembershipPeopleChanged>(payload)?.snapshot,\n",
        replacement: "",
    },
    Mutation {
        name: "who leaves a team keeps its contract",
        file: CONTRACTS,
        text: "        pb::ContractPeopleChanged::TYPE => decode_json::<pb::ContractPeopleChanged>(payload)?.snapshot,\n",
        replacement: "",
    },
    Mutation {
        name: "a contract that was ended gives access until its end",
        file: CONTRACTS,
        text: "if contract.ended_time.is_none() {",
        replacement: "if contract.end_time.is_some() || contract.ended_time.is_none() {",
    },
    Mutation {
        name: "hours of the week are those of UTC",
        file: OUTLOOK,
        text: "hours.weekly.windows(hours.zone, seen)",
        replacement: "hours.weekly.windows(Tz::UTC, seen)",
    },
    Mutation {
        name: "hours ignore that clocks change",
        file: WEEKLY_HOURS,
        text: "let start = zone::first_reached(zone, at_minute(date, interval.start));",
        replacement: "let ahead = within.start().with_timezone(&zone).naive_local() - within.start().naive_utc();\n                let start = (at_minute(date, interval.start) - ahead).and_utc();",
    },
    Mutation {
        name: "hours that clocks repeat begin when they are shown again",
        file: ZONE,
        text: "LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => time.to_utc(),\n        LocalResult::None => {\n            // The moment",
        replacement: "LocalResult::Single(time) | LocalResult::Ambiguous(_, time) => time.to_utc(),\n        LocalResult::None => {\n            // The moment",
    },
];
