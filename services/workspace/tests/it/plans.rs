//! Plans: what memberships are sold of.

use chassis::auth::{Principal, Role};
use domain::names::{LocationName, PlanName};
use domain::{LocationId, PersonId, PlanId, WorkspaceId};
use proto::membership::v1 as pb;
use proto::membership::v1::plan_service_client::PlanServiceClient;
use proto::workspace::v1::{DayOfWeek, WeeklyHours, WeeklyInterval};
use testkit::{Bearer, audit_line};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use workspace::DEFINITION;

use crate::world::World;

type Client = PlanServiceClient<InterceptedService<Channel, Bearer>>;

impl World {
    fn plans(&self) -> Client {
        PlanServiceClient::new(self.harness.channel_as(&self.address, Role::Admin, self.workspace))
    }

    /// A plan of the one location, with five days of grace.
    pub(crate) fn terms(&self) -> pb::PlanTerms {
        pb::PlanTerms { location: self.location.clone(), grace_days: 5, ..Default::default() }
    }

    pub(crate) async fn try_create_plan(&self, plan: pb::Plan) -> Result<pb::Plan, Status> {
        let request =
            pb::CreatePlanRequest { parent: self.name.clone(), plan: Some(plan), request_id: String::new() };
        Ok(self.plans().create_plan(request).await?.into_inner().plan.unwrap())
    }

    /// Makes a plan of those terms.
    pub(crate) async fn create_plan(&self, terms: pb::PlanTerms) -> pb::Plan {
        let plan = pb::Plan { display_name: " Flex ".into(), terms: Some(terms), ..Default::default() };
        self.try_create_plan(plan).await.unwrap()
    }

    pub(crate) async fn update_plan(&self, plan: pb::Plan, paths: &[&str]) -> Result<pb::Plan, Status> {
        let paths = paths.iter().map(|&path| path.to_owned()).collect();
        let request = pb::UpdatePlanRequest {
            plan: Some(plan),
            update_mask: Some(pbjson_types::FieldMask { paths }),
            request_id: String::new(),
        };
        Ok(self.plans().update_plan(request).await?.into_inner().plan.unwrap())
    }

    pub(crate) async fn disable_plan(&self, name: &str) -> pb::Plan {
        let request = pb::DisablePlanRequest { name: name.into(), request_id: String::new() };
        self.plans().disable_plan(request).await.unwrap().into_inner().plan.unwrap()
    }

    async fn enable_plan(&self, name: &str) -> pb::Plan {
        let request = pb::EnablePlanRequest { name: name.into(), request_id: String::new() };
        self.plans().enable_plan(request).await.unwrap().into_inner().plan.unwrap()
    }
}

/// The code and reason of a refusal.
pub(crate) fn refusal<T: std::fmt::Debug>(outcome: Result<T, Status>) -> (Code, String) {
    let status = outcome.unwrap_err();
    (status.code(), status.get_details_error_info().map(|info| info.reason).unwrap_or_default())
}

/// The fields that are at fault.
pub(crate) fn faults<T: std::fmt::Debug>(outcome: Result<T, Status>) -> Vec<String> {
    let status = outcome.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let violations = status.get_details_bad_request().unwrap().field_violations;
    violations.into_iter().map(|violation| violation.field).collect()
}

fn hours(intervals: &[(DayOfWeek, i32, i32)]) -> Option<WeeklyHours> {
    let intervals = intervals.iter().map(|&(day, start_minute, end_minute)| WeeklyInterval {
        day: day.into(),
        start_minute,
        end_minute,
    });
    Some(WeeklyHours { intervals: intervals.collect() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_is_made_changed_taken_off_sale_and_sold_again() {
    let mut world = World::new().await;
    let elsewhere = world.create_location().await;
    let terms = pb::PlanTerms {
        // Each once, and not the own one.
        shared_locations: vec![elsewhere.clone(), world.location.clone(), elsewhere.clone()],
        weekly_hours: hours(&[(DayOfWeek::Monday, 540, 1_020), (DayOfWeek::Friday, 1_320, 120)]),
        ..world.terms()
    };
    let plan = world.create_plan(terms.clone()).await;
    let expected = pb::PlanTerms { shared_locations: vec![elsewhere], ..terms };
    assert_eq!((plan.display_name.as_str(), &plan.terms, plan.version), ("Flex", &Some(expected), 1));
    let get = pb::GetPlanRequest { name: plan.name.clone() };
    let got = world.plans().get_plan(get.clone()).await.unwrap().into_inner();
    assert_eq!(got.plan, Some(plan.clone()));

    let wanted = pb::Plan { display_name: "Flex plus".into(), terms: None, ..plan.clone() };
    let renamed = world.update_plan(wanted.clone(), &[]).await.unwrap();
    assert_eq!((renamed.display_name.as_str(), &renamed.terms), ("Flex plus", &plan.terms));
    assert_eq!(world.update_plan(wanted, &[]).await.unwrap(), renamed, "twice is once");
    let wanted = pb::Plan { display_name: String::new(), terms: Some(world.terms()), ..plan.clone() };
    let changed = world.update_plan(wanted, &["terms"]).await.unwrap();
    assert_eq!((&changed.display_name, &changed.terms), (&renamed.display_name, &Some(world.terms())));

    let disabled = world.disable_plan(&plan.name).await;
    assert!(disabled.disable_time.is_some());
    assert_eq!(world.disable_plan(&plan.name).await, disabled);
    let enabled = world.enable_plan(&plan.name).await;
    assert_eq!(enabled, pb::Plan { version: 5, ..changed.clone() });
    assert_eq!(world.enable_plan(&plan.name).await, enabled);
    let list = pb::ListPlansRequest { parent: world.name.clone(), ..Default::default() };
    assert_eq!(world.plans().list_plans(list).await.unwrap().into_inner().plans, [enabled]);

    let entries = world.harness.audit_entries(&DEFINITION).await;
    let own: Vec<String> = entries.iter().filter(|it| it.subject == plan.name).map(audit_line).collect();
    let [made, renamed, changed, disabled, enabled] = own.as_slice() else { panic!("{own:#?}") };
    assert!(made.contains("terms.grace_days SET 5"), "{made}");
    assert_eq!(renamed, "UpdatePlan: display_name REPLACED Flex -> Flex plus");
    assert!(changed.contains("terms.weekly_hours CLEARED"), "{changed}");
    assert!(disabled.starts_with("DisablePlan: disable_time SET 2026-"), "{disabled}");
    assert!(enabled.starts_with("EnablePlan: disable_time CLEARED 2026-"), "{enabled}");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn impossible_plans_are_refused_by_field_and_leave_nothing_behind() {
    let world = World::new().await;
    let foreign = LocationName { workspace: WorkspaceId::new(), id: LocationId::new() }.to_string();
    let with = |terms| pb::Plan { display_name: "Flex".into(), terms: Some(terms), ..Default::default() };
    let open = |weekly_hours| with(pb::PlanTerms { weekly_hours, ..world.terms() });
    let shared = |shared_locations| with(pb::PlanTerms { shared_locations, ..world.terms() });
    let monday = DayOfWeek::Monday;
    for (plan, field) in [
        (with(pb::PlanTerms { grace_days: -1, ..world.terms() }), "plan.terms.grace_days"),
        (with(pb::PlanTerms { grace_days: 91, ..world.terms() }), "plan.terms.grace_days"),
        (with(pb::PlanTerms { location: String::new(), ..world.terms() }), "plan.terms.location"),
        (with(pb::PlanTerms { location: foreign.clone(), ..world.terms() }), "plan.terms.location"),
        (shared(vec![foreign]), "plan.terms.shared_locations"),
        (shared(vec![world.location.clone(); 51]), "plan.terms.shared_locations"),
        (open(hours(&[])), "plan.terms.weekly_hours"),
        (open(hours(&[(monday, 540, 540)])), "plan.terms.weekly_hours"),
        (open(hours(&[(monday, 540, 1_441)])), "plan.terms.weekly_hours"),
        (open(hours(&[(monday, -1, 60)])), "plan.terms.weekly_hours"),
        (open(hours(&[(monday, 540, 720), (monday, 700, 800)])), "plan.terms.weekly_hours"),
        (open(hours(&[(DayOfWeek::Unspecified, 540, 720)])), "plan.terms.weekly_hours.intervals[0].day"),
        (pb::Plan { terms: None, ..with(world.terms()) }, "plan.terms"),
        (pb::Plan { display_name: " ".into(), ..with(world.terms()) }, "plan.display_name"),
    ] {
        assert_eq!(faults(world.try_create_plan(plan).await), [field]);
    }
    let nowhere = LocationName { workspace: world.workspace, id: LocationId::new() }.to_string();
    let not_found = (Code::NotFound, "LOCATION_NOT_FOUND".to_owned());
    let plan = with(pb::PlanTerms { location: nowhere.clone(), ..world.terms() });
    assert_eq!(refusal(world.try_create_plan(plan).await), not_found);
    assert_eq!(refusal(world.try_create_plan(shared(vec![nowhere])).await), not_found);
    let list = pb::ListPlansRequest { parent: world.name.clone(), ..Default::default() };
    assert_eq!(world.plans().list_plans(list).await.unwrap().into_inner().plans, []);

    let plan = world.create_plan(world.terms()).await;
    assert_eq!(faults(world.update_plan(plan.clone(), &["version"]).await), ["update_mask"]);
    let nameless = pb::Plan { display_name: String::new(), ..plan };
    assert_eq!(faults(world.update_plan(nameless, &["display_name"]).await), ["plan.display_name"]);
    let unknown = PlanName { workspace: world.workspace, id: PlanId::new() }.to_string();
    let unknown = pb::Plan { name: unknown, display_name: "Flex".into(), ..Default::default() };
    let not_found = (Code::NotFound, "PLAN_NOT_FOUND".to_owned());
    assert_eq!(refusal(world.update_plan(unknown, &[]).await), not_found);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plans_are_the_business_of_admins_of_their_workspace_alone() {
    let world = World::new().await;
    let plan = world.create_plan(world.terms()).await;
    let get = pb::GetPlanRequest { name: plan.name.clone() };
    let disable = pb::DisablePlanRequest { name: plan.name.clone(), request_id: String::new() };
    let update = pb::UpdatePlanRequest { plan: Some(plan), ..Default::default() };
    let as_role = |workspace, role| {
        let principal = Principal::person(PersonId::new().to_string(), workspace, role);
        PlanServiceClient::new(world.harness.channel_with(&world.address, &principal))
    };
    let mut member = as_role(world.workspace, Role::Member);
    let too_low = (Code::PermissionDenied, "ROLE_TOO_LOW".to_owned());
    assert_eq!(refusal(member.disable_plan(disable.clone()).await), too_low);
    let mut stranger = as_role(WorkspaceId::new(), Role::Owner);
    let not_found = (Code::NotFound, "WORKSPACE_NOT_FOUND".to_owned());
    assert_eq!(refusal(stranger.get_plan(get).await), not_found);
    assert_eq!(refusal(stranger.disable_plan(disable).await), not_found);
    assert_eq!(refusal(stranger.update_plan(update).await), not_found);
    world.harness.finish().await;
}
