//! The door adapter that a test plays, and the fence that shows that nothing else was to come.

use std::collections::HashMap;

use async_nats::jetstream::consumer::pull;
use domain::EventId;
use events::subject::StreamKind;
use events::{Bus, Envelope};
use futures::StreamExt as _;
use proto::access::v1 as pb;
use proto::access::v1::access_command_completed::Outcome;
use testkit::eventually;

use crate::world::{LIMIT, Stay, World};

/// The commands, in the order of their stream.
pub(crate) struct Commands(pull::Stream);

/// A command as it came.
#[derive(Debug)]
pub(crate) struct Received {
    pub subject: String,
    pub envelope: Envelope,
    pub command: pb::AccessCommand,
    /// What came if it is a command about a user.
    pub user: Option<pb::UserCommand>,
    /// What came if it is a command about another way in.
    pub way_in: Option<pb::WayInCommand>,
}

impl Commands {
    pub(crate) async fn of(bus: &Bus) -> Self {
        let stream = bus.stream(StreamKind::Command).await.unwrap();
        let config = pull::Config {
            durable_name: Some("test-adapter".into()),
            filter_subject: bus.root().subject("command.access.>"),
            ..Default::default()
        };
        Self(stream.create_consumer(config).await.unwrap().messages().await.unwrap())
    }

    /// The next command, which must come soon.
    pub(crate) async fn next(&mut self) -> Received {
        let message = tokio::time::timeout(LIMIT, self.0.next()).await.expect("a command within 20 s");
        let message = message.unwrap().unwrap();
        message.ack().await.unwrap();
        let read = Envelope::read(
            &message.subject,
            message.headers.as_ref(),
            &message.payload,
            chrono::DateTime::UNIX_EPOCH,
        );
        let envelope = read.unwrap();
        let is_of_user = envelope.type_name == events::outbox::USER_COMMAND;
        let is_of_way_in = envelope.type_name == events::outbox::WAY_IN_COMMAND;
        Received {
            subject: message.subject.to_string(),
            user: is_of_user.then(|| serde_json::from_slice(&message.payload).unwrap()),
            way_in: is_of_way_in.then(|| serde_json::from_slice(&message.payload).unwrap()),
            command: if is_of_user || is_of_way_in {
                pb::AccessCommand::default()
            } else {
                serde_json::from_slice(&message.payload).unwrap()
            },
            envelope,
        }
    }
}

/// What an adapter says of a failure.
pub(crate) fn failure(kind: pb::AccessFailureKind, reason: &str) -> pb::AccessFailure {
    pb::AccessFailure { kind: kind.into(), reason: reason.into(), ..Default::default() }
}

impl World {
    /// The next command, which must come soon and be about access.
    pub(crate) async fn command(&mut self) -> pb::AccessCommand {
        let received = self.commands.next().await;
        assert_eq!((received.user, received.way_in), (None, None));
        received.command
    }

    /// The next command, which must come soon and be about another way in.
    pub(crate) async fn way_in_command(&mut self) -> pb::WayInCommand {
        let received = self.commands.next().await;
        received.way_in.unwrap_or_else(|| panic!("{:?}", received.command))
    }

    /// The next command, which must come soon and be about a user.
    pub(crate) async fn user_command(&mut self) -> pb::UserCommand {
        let received = self.commands.next().await;
        received.user.unwrap_or_else(|| panic!("{:?}", received.command))
    }

    /// Answers a command.
    pub(crate) async fn answer(&self, command: &pb::AccessCommand, outcome: Outcome) {
        let body = pb::AccessCommandCompleted {
            grant: command.grant.clone(),
            generation: command.generation,
            outcome: Some(outcome),
        };
        self.send(&self.message(&command.grant, command.generation, &body)).await;
    }

    /// Answers that the provider has what the command said.
    pub(crate) async fn applied(&self, command: &pb::AccessCommand) {
        let provider_ref = command.window.map(|_| "assignment".to_owned()).unwrap_or_default();
        let applied = pb::AccessApplied { window: command.window, provider_ref, ..Default::default() };
        self.answer(command, Outcome::Applied(applied)).await;
    }

    /// Answers that the provider has not.
    pub(crate) async fn failed(&self, command: &pb::AccessCommand, failure: pb::AccessFailure) {
        self.answer(command, Outcome::Failed(failure)).await;
    }

    /// Takes the next command, carries it out and waits until the ledger knows.
    pub(crate) async fn obey(&mut self) -> pb::AccessCommand {
        let command = self.command().await;
        self.applied(&command).await;
        self.settled(&command).await;
        command
    }

    /// Waits until the ledger knows that a command was carried out.
    pub(crate) async fn settled(&self, command: &pb::AccessCommand) {
        eventually("the grant is settled", LIMIT, async || {
            let request = pb::ListGrantsRequest {
                parent: self.name.clone(),
                person: command.person.as_ref().unwrap().name.clone(),
                page_size: 500,
                ..Default::default()
            };
            let grants = self.client.clone().list_grants(request).await.unwrap().into_inner().grants;
            let grant = grants.into_iter().find(|grant| grant.name == command.grant);
            match grant {
                Some(grant) if grant.observed == command.window => Ok(()),
                grant => Err(format!("{grant:?}")),
            }
        })
        .await;
    }

    /// Waits until all that was told before is dealt with, by each consumer and by the scheduler: sends a
    /// booking of its own after it, and follows it the whole way. Gives the commands that came meanwhile.
    pub(crate) async fn quiet(&mut self) -> Vec<pb::AccessCommand> {
        let mut others = Vec::new();
        let resource = self.new_resource();
        let mapping =
            |group: &str| pb::DoorMapping { provider: "fence".into(), ..self.mapping(&resource, group) };
        let (first, second) = (mapping("first"), mapping("second"));
        self.create_mapping(first).await.unwrap();
        let soon = self.now() + chrono::Duration::hours(1);
        let mut stay: Stay = self.booking(&self.new_person(), &resource, 1, 2);
        // Where nobody else has business.
        stay.location = self.elsewhere();
        stay.booking.start_time = Some(chassis::input::timestamp(soon));
        stay.booking.end_time = Some(chassis::input::timestamp(soon + chrono::Duration::hours(1)));
        // Past the consumer of bookings, and that of results.
        self.tell(&stay).await;
        self.pass_fence(&mut others).await;
        // Past the scheduler, which takes what is due in the order of time.
        self.create_mapping(second).await.unwrap();
        self.pass_fence(&mut others).await;
        // And away with it.
        self.tell(&stay.cancelled()).await;
        self.pass_fence(&mut others).await;
        self.pass_fence(&mut others).await;
        others
    }

    async fn pass_fence(&mut self, others: &mut Vec<pb::AccessCommand>) {
        loop {
            let received = self.commands.next().await;
            if received.subject.contains(".fence.") {
                self.applied(&received.command).await;
                self.settled(&received.command).await;
                return;
            }
            others.push(received.command);
        }
    }

    /// Carries out commands, each twice, until there are none. Gives what the provider has in the end, by
    /// grant.
    pub(crate) async fn obey_all(&mut self, provider: &mut HashMap<String, Option<pb::AccessWindow>>) {
        loop {
            let commands = self.quiet().await;
            if commands.is_empty() {
                return;
            }
            for command in commands {
                provider.insert(command.grant.clone(), command.window);
                self.applied(&command).await;
                self.applied(&command).await;
            }
        }
    }

    /// A result of an event that this service does not take, such as one of another workspace.
    pub(crate) async fn answer_as_other(&self, workspace: domain::WorkspaceId, command: &pb::AccessCommand) {
        let body = pb::AccessCommandCompleted {
            grant: command.grant.clone(),
            generation: command.generation,
            outcome: Some(Outcome::Applied(pb::AccessApplied::default())),
        };
        let mut message = self.message(&command.grant, command.generation, &body);
        message.subject = events::subject::event("access", "command_completed", workspace);
        message.envelope.workspace = workspace;
        message.envelope.id = EventId::new();
        self.send(&message).await;
    }
}
