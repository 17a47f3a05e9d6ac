//! `latchkey explain`: why someone is let in, or is not.

use anyhow::Context as _;
use chassis::input::timestamp;
use clap::Args;
use domain::Timestamp;
use domain::names::{PersonName, WorkspaceName};
use proto::access::v1 as pb;
use proto::access::v1::explain_access_request::Where;

use crate::audit::moment;
use crate::client::{Client, said};
use crate::installation::DataDir;

/// Who, where and when.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The person: workspaces/0193…/people/0193….
    person: String,
    /// The room, desk or office: workspaces/0193…/resources/0193….
    resource: String,
    /// At another time than now: 2027-03-08T09:30:00+01:00, or 2027-03-08 for the day's begin in UTC.
    #[arg(long, value_parser = moment)]
    at: Option<Timestamp>,
}

pub(crate) async fn run(args: &ExplainArgs) -> anyhow::Result<()> {
    let person: PersonName = args.person.parse().with_context(|| format!("{:?}", args.person))?;
    let data = DataDir::configured()?;
    let mut client = Client::new(&data.running()?.gateway, &data)?;
    let request = pb::ExplainAccessRequest {
        parent: WorkspaceName(person.workspace).to_string(),
        person: args.person.clone(),
        r#where: Some(Where::Resource(args.resource.clone())),
        time: args.at.map(timestamp),
    };
    let answer = client.access.explain_access(request).await;
    let answer = answer.map_err(|status| anyhow::anyhow!("{}", said(&status)))?.into_inner();
    for door in &answer.doors {
        for line in lines(door) {
            println!("{line}");
        }
    }
    Ok(())
}

/// A door's verdict, and below it the chain.
fn lines(door: &pb::DoorExplanation) -> Vec<String> {
    let address = door.door.clone().unwrap_or_default();
    let whose = match &address.target {
        None => "no door".to_owned(),
        Some(target) if target.display_name.is_empty() => format!("{} {}", address.provider, target.r#ref),
        Some(target) => format!("{} {} ({})", address.provider, target.r#ref, target.display_name),
    };
    let verdict = match door.decision() {
        pb::AccessDecision::MayEnter => "may enter",
        pb::AccessDecision::WillEnter => "will be let in",
        pb::AccessDecision::MayNotEnter | pb::AccessDecision::Unspecified => "may not enter",
    };
    let code =
        |reason: pb::AccessReason| reason.as_str_name().trim_start_matches("ACCESS_REASON_").to_owned();
    let first = format!("{whose}: {verdict}: {}", code(door.reason()));
    let links = door.chain.iter().map(|link| {
        let extra = [&link.about, &link.detail].map(|text| text.as_str()).into_iter();
        let extra: Vec<&str> = extra.filter(|text| !text.is_empty()).collect();
        let extra = if extra.is_empty() { String::new() } else { format!(" [{}]", extra.join("; ")) };
        format!("  {:<28} {}{extra}", code(link.reason()), link.sentence)
    });
    std::iter::once(first).chain(links).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_is_a_verdict_and_its_chain() {
        let link = pb::AccessLink {
            step: pb::AccessStep::Provider.into(),
            reason: pb::AccessReason::ProviderRejects.into(),
            sentence: "The provider says no.".into(),
            detail: "no email address".into(),
            ..Default::default()
        };
        let target = pb::DoorTarget { r#ref: "7".into(), ..Default::default() };
        let door = pb::DoorExplanation {
            door: Some(pb::DoorAddress {
                provider: "kisi".into(),
                target: Some(target),
                ..Default::default()
            }),
            decision: pb::AccessDecision::MayNotEnter.into(),
            reason: pb::AccessReason::ProviderRejects.into(),
            chain: vec![link],
            ..Default::default()
        };
        let expected = [
            "kisi 7: may not enter: PROVIDER_REJECTS",
            "  PROVIDER_REJECTS             The provider says no. [no email address]",
        ];
        assert_eq!(lines(&door), expected);
    }
}
