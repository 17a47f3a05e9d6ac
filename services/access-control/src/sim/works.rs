//! What the shell does: it takes in, looks at what is due, is called, and dies.

use domain::EventId;
use events::Envelope;
use proto::access::v1 as pb;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{Rng as _, SeedableRng as _};

use super::names::door;
use super::shell::{Call, Consumer, Message, Request, Row, Work};
use super::source::MAPPED;
use super::truth::{MINUTE, Mapping, Settings};
use super::underway::{Failure, Outcome, Stand};
use super::world::{Violation, World};

impl World<'_> {
    /// After how many statements the next piece of work dies, if it does.
    pub(super) fn crash(&mut self) -> Option<usize> {
        self.rng.random_bool(0.3).then(|| self.rng.random_range(0..16))
    }

    /// A delivery to any consumer that has messages.
    pub(super) fn delivery(&mut self) -> Option<Work> {
        let waiting: Vec<Consumer> =
            Consumer::ALL.into_iter().filter(|to| self.bus.iter().any(|message| message.to == *to)).collect();
        let to = *waiting.choose(&mut self.rng)?;
        self.delivery_to(to)
    }

    /// A few of its messages, some of them twice.
    pub(super) fn delivery_to(&mut self, to: Consumer) -> Option<Work> {
        let mut batch: Vec<Message> = self.bus.iter().filter(|message| message.to == to).cloned().collect();
        if batch.is_empty() {
            return None;
        }
        batch.shuffle(&mut self.rng);
        batch.truncate(self.rng.random_range(1..=4));
        if self.one_in(6) {
            batch.push(batch[0].clone());
        }
        Some(Work::TakeIn(to, batch))
    }

    pub(super) fn tick(&mut self) -> Option<Work> {
        Some(Work::LookAtDue(*[1, 2, 200].choose(&mut self.rng).unwrap()))
    }

    pub(super) async fn run(&mut self, work: Option<Work>) -> Result<(), Violation> {
        let Some(work) = work else { return Ok(()) };
        let replica = usize::from(self.one_in(2));
        let crash_after = self.crash();
        let outcome = self.go(replica, &work, crash_after).await?;
        self.come_to(&work, outcome)
    }

    /// Someone tells a workspace of another one's things. Nobody may listen.
    pub(super) async fn forge(&mut self) -> Result<(), Violation> {
        let Some(mut message) = self.bus.choose(&mut self.rng).cloned() else { return Ok(()) };
        let other = self.sites.iter().find(|site| site.workspace != message.envelope.workspace);
        message.envelope.workspace = other.expect("there are two").workspace;
        message.envelope.id = EventId::new();
        let work = Work::TakeIn(message.to, vec![message]);
        self.note(format!("forged: {}", brief(&work)));
        match self.go(0, &work, None).await? {
            // It is refused, or nobody reads such ones.
            Some(Err(Failure::Never(_)) | Ok(Some(_))) => Ok(()),
            other => Err(format!("a forged message is taken in: {other:?}")),
        }
    }

    /// An answer to an older command comes long after, whatever has become of the grant. It changes nothing.
    pub(super) async fn answer_late(&mut self) -> Result<(), Violation> {
        let Some(mut message) = self.answers.choose(&mut self.rng).cloned() else { return Ok(()) };
        message.envelope.id = EventId::new();
        let Envelope { subject, sequence, .. } = &message.envelope;
        let before = self.shell.ledger(&self.workspaces()).await;
        let is_older = |row: &Row| row.name() == *subject && *sequence < row.generation;
        if !before.iter().any(is_older) {
            return Ok(());
        }
        let work = Work::TakeIn(Consumer::Results, vec![message]);
        self.note(format!("late: {}", brief(&work)));
        let outcome = self.go(0, &work, None).await?;
        let after = self.shell.ledger(&self.workspaces()).await;
        match outcome {
            Some(Ok(_)) if before == after => Ok(()),
            Some(Ok(_)) => Err(format!("an answer to an older command makes {after:?} of {before:?}")),
            other => Err(format!("an answer to an older command: {other:?}")),
        }
    }

    /// Works, unless it dies after so many statements.
    pub(super) async fn go(
        &mut self,
        replica: usize,
        work: &Work,
        crash_after: Option<usize>,
    ) -> Result<Option<Outcome>, Violation> {
        let mut underway = self.shell.begin(replica, work);
        if let Some(statements) = crash_after {
            let processes = self.shell.processes(replica).await;
            if self.shell.advance(processes, &mut underway, statements).await != Stand::Done {
                drop(underway);
                self.shell.recover(replica).await;
                self.note(format!("dies after {statements} statements: {}", brief(work)));
                return Ok(None);
            }
        }
        Ok(Some(underway.finish().await))
    }

    /// What follows from the end of a piece of work; `None`: it died.
    pub(super) fn come_to(&mut self, work: &Work, outcome: Option<Outcome>) -> Result<(), Violation> {
        match outcome {
            None => {}
            Some(Ok(said)) => {
                self.note(format!("{} {}", brief(work), said.unwrap_or_default()));
                let Work::TakeIn(_, batch) = work else { return Ok(()) };
                // It dies before it acknowledges, or NATS does not hear it.
                if !self.one_in(6) {
                    self.bus
                        .retain(|message| batch.iter().all(|taken| taken.envelope.id != message.envelope.id));
                }
            }
            Some(Err(Failure::Again)) => self.note(format!("to be tried again: {}", brief(work))),
            Some(Err(Failure::Never(reason))) => {
                return Err(format!("{} fails for good: {reason}", brief(work)));
            }
        }
        Ok(())
    }

    /// Two replicas work at the same time, statement by statement; one may wait for the other's locks, and one
    /// may die.
    pub(super) async fn race(&mut self) -> Result<(), Violation> {
        let mut works = Vec::new();
        let mut request = None;
        if self.one_in(2) {
            // Both decide about the same grants: answers come while they are due, or wanted otherwise.
            works.extend(self.delivery_to(Consumer::Results));
            let is_due = self.one_in(2);
            works.extend(if is_due { self.tick() } else { self.delivery_to(Consumer::Workspace) });
        }
        while works.len() < 2 {
            let choice = self.rng.random_range(0..10);
            let work = match choice {
                0..5 => self.delivery(),
                5..7 => self.tick(),
                _ if request.is_none() => {
                    let site = self.any_site();
                    let workspace = self.sites[site].workspace;
                    let call = self.any_request(site).map(|request| Call::new(workspace, request));
                    request = call.clone().map(|call| (site, call));
                    call.map(|call| Work::Call(Box::new(call)))
                }
                _ => None,
            };
            let Some(work) = work else { return Ok(()) };
            works.push(work);
        }
        let [first, second] = &works[..] else { return Ok(()) };
        self.note(format!("at the same time: {} and {}", brief(first), brief(second)));
        let shell = self.shell;
        let processes = [shell.processes(0).await, shell.processes(1).await];
        let mut underway = [Some(shell.begin(0, first)), Some(shell.begin(1, second))];
        let mut outcomes = [None, None];
        // How often they take turns depends on who waits; what comes after the race does not.
        let mut rng = StdRng::seed_from_u64(self.rng.random());
        let dies = rng.random_bool(0.15).then(|| rng.random_range(0..20));
        let mut stands = [Stand::Sent, Stand::Sent];
        for round in 0.. {
            let mut number = usize::from(rng.random_bool(0.5));
            if underway[number].is_none()
                || stands[number] == Stand::Blocked && stands[1 - number] != Stand::Blocked
            {
                number = 1 - number;
            }
            let Some(work) = &mut underway[number] else { break };
            if dies == Some(round) {
                underway[number] = None;
                self.note(format!("one of them dies: {}", brief(&works[number])));
                // It may wait for a lock of the other one, which goes on meanwhile.
                match underway[1 - number].take() {
                    Some(other) => {
                        let (outcome, ()) = tokio::join!(other.finish(), shell.recover(number));
                        outcomes[1 - number] = Some(outcome);
                    }
                    None => shell.recover(number).await,
                }
                break;
            }
            let statements = rng.random_range(1..4);
            stands[number] = shell.advance(processes[number], work, statements).await;
            if stands == [Stand::Blocked, Stand::Blocked] {
                // Postgres finds out, and has one of them try again.
                let [Some(first), Some(second)] = underway.each_mut().map(Option::take) else {
                    return Err("waits for somebody who is gone".to_owned());
                };
                let (first, second) = tokio::join!(first.finish(), second.finish());
                outcomes = [Some(first), Some(second)];
                break;
            }
            if stands[number] == Stand::Done {
                let done = underway[number].take().expect("it has just been gone on with");
                outcomes[number] = Some(done.finish().await);
                stands[1 - number] = Stand::Sent;
            }
        }
        for (number, outcome) in outcomes.into_iter().enumerate() {
            if let (Some((site, call)), Work::Call(_)) = (&request, &works[number]) {
                let answer = match outcome {
                    Some(Ok(answer)) => answer,
                    // Whoever called asks again.
                    _ => self.call_until_answered(&Work::Call(Box::new(call.clone()))).await?,
                };
                self.is_done(*site, &call.request, answer);
            } else {
                self.come_to(&works[number], outcome)?;
            }
        }
        Ok(())
    }

    /// Calls, and again with the same key as long as the answer does not come.
    pub(super) async fn call(&mut self, site: usize, request: Option<Request>) -> Result<(), Violation> {
        let Some(request) = request else { return Ok(()) };
        let workspace = self.sites[site].workspace;
        let call = Call::new(workspace, request);
        let answer = self.call_until_answered(&Work::Call(Box::new(call.clone()))).await?;
        self.is_done(site, &call.request, answer);
        Ok(())
    }

    pub(super) async fn call_until_answered(&mut self, work: &Work) -> Result<Option<String>, Violation> {
        let mut crash_after = self.crash();
        loop {
            match self.go(0, work, crash_after.take()).await? {
                Some(Ok(answer)) => return Ok(answer),
                Some(Err(Failure::Never(reason))) => return Err(format!("a call is refused: {reason}")),
                Some(Err(Failure::Again)) | None => {}
            }
        }
    }

    /// A call has been answered: what it asked for is true.
    pub(super) fn is_done(&mut self, site: usize, request: &Request, answer: Option<String>) {
        let minutes = |time: &Option<pbjson_types::Duration>| time.map(|time| time.seconds / MINUTE);
        self.note(format!("{site}: {request:?}"));
        let truth = &mut self.sites[site];
        match request {
            Request::CreateMapping(mapping) => {
                let subject = MAPPED.into_iter().find(|&it| truth.subject(it) == mapping.subject);
                let door = door(&mapping.provider, mapping.target.as_ref().unwrap());
                truth.mappings.push(Mapping::new(
                    answer.unwrap(),
                    subject.unwrap(),
                    door.unwrap(),
                    minutes(&mapping.lead),
                    minutes(&mapping.lag),
                ));
            }
            Request::DeleteMapping(name) => {
                let mapping = truth.mappings.iter_mut().find(|mapping| mapping.name == *name).unwrap();
                mapping.stands.becomes(false);
            }
            Request::UpdateSettings(settings) => {
                let (lead, lag) = (minutes(&settings.lead).unwrap(), minutes(&settings.lag).unwrap());
                truth.settings.becomes(Settings { lead, lag });
            }
            Request::UpdateLocationSettings(_, settings) => {
                truth.local_settings.becomes((minutes(&settings.lead), minutes(&settings.lag)));
            }
        }
    }

    /// The publisher's turn: what stands in the outbox goes on its way.
    pub(super) async fn publish(&mut self) -> Result<(), Violation> {
        let mut commands = Vec::new();
        for row in self.shell.publish().await {
            let mut tokens = row.subject.split('.');
            let path: Vec<&str> = tokens.by_ref().take(3).collect();
            let site = self.sites.iter().position(|site| site.workspace.uuid() == row.workspace_id);
            let site = site.filter(|&site| tokens.next() == Some(&self.sites[site].workspace.to_string()));
            let site = site.ok_or_else(|| format!("told to nobody: {}", row.subject))?;
            match path[..] {
                ["command", "access", provider] => {
                    let command: pb::AccessCommand = serde_json::from_slice(&row.payload).unwrap();
                    let command = self.accounts.read(&self.sites, site, provider, &command)?;
                    if self.resting.contains(&command.at) {
                        return Err(format!("told, though its integration is not active: {command:?}"));
                    }
                    commands.push(command);
                }
                ["event", "access", "granted"] => {
                    let fact: pb::AccessGranted = serde_json::from_slice(&row.payload).unwrap();
                    self.hear(site, fact.grant, true)?;
                }
                ["event", "access", "revoked"] => {
                    let fact: pb::AccessRevoked = serde_json::from_slice(&row.payload).unwrap();
                    self.hear(site, fact.grant, false)?;
                }
                _ => {}
            }
        }
        commands.sort_by_key(|command| (command.at, command.generation));
        for command in &commands {
            self.note(format!(
                "command {:?} generation {} window {:?}",
                command.at, command.generation, command.window
            ));
        }
        self.accounts.on_the_way.extend(commands);
        Ok(())
    }

    pub(super) fn hear(
        &mut self,
        site: usize,
        grant: Option<pb::Grant>,
        is_granted: bool,
    ) -> Result<(), Violation> {
        let grant = grant.ok_or("an event without its grant")?;
        let observed = grant.observed.map(|window| {
            let second = |time: &Option<pbjson_types::Timestamp>| time.map_or(0, |time| time.seconds);
            (second(&window.start_time), second(&window.end_time))
        });
        if observed.is_some() != is_granted {
            return Err(format!("told as granted ({is_granted}), and is not: {grant:?}"));
        }
        let told = self.told.entry((site, grant.name)).or_insert((-1, None));
        if told.0 <= grant.generation {
            *told = (grant.generation, observed);
        }
        Ok(())
    }
}

fn brief(work: &Work) -> String {
    match work {
        Work::TakeIn(to, batch) => {
            let messages: Vec<String> = batch
                .iter()
                .map(|Message { envelope, .. }| {
                    let name = envelope.type_name.rsplit('.').next().unwrap_or_default();
                    format!("{name} {}", envelope.sequence)
                })
                .collect();
            format!("{to:?} takes in {messages:?}")
        }
        Work::LookAtDue(limit) => format!("up to {limit} are looked at"),
        Work::Call(call) => format!("{:?}", call.request),
    }
}
