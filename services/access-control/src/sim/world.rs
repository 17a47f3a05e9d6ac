//! One seed's world: what happens is drawn from a random source that the seed decides, one step after the
//! other, and the checks come after each.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::DateTime;
use domain::WorkspaceId;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use super::calendar::CALENDARS;
use super::provider::{Accounts, At, Span};
use super::shell::{Message, Shell};
use super::truth::{DAY, HOUR, MINUTE, PROVIDERS, SCOPE, Second, Site, places};

/// What is wrong, in words.
pub(super) type Violation = String;

/// The clocks that a machine's own differs from the providers' by at most so much.
pub(super) const CLOCK_STEP_MAX: Second = 4 * MINUTE;

/// What was last told of a grant, and by which of its commands.
type LastTold = (i64, Option<Span>);

pub(super) struct World<'a> {
    pub rng: StdRng,
    pub shell: &'a Shell,
    pub sites: Vec<Site>,
    pub accounts: Accounts,
    /// What is on its way to consumers.
    pub bus: Vec<Message>,
    /// All that adapters ever answered.
    pub answers: Vec<Message>,
    /// The providers' clock.
    pub now: Second,
    /// How much the replicas' clock is ahead of it, and was at most since all was settled.
    skew: Second,
    pub skew_max: Second,
    /// What the providers held when all was settled last, and nobody has meddled with since.
    pub held: BTreeMap<At, Span>,
    /// Where someone did something by hand that no comparison has found yet.
    pub meddled: BTreeSet<At>,
    /// Where everybody knows that nothing is to be told: their integration is not active.
    pub resting: BTreeSet<At>,
    pub told: HashMap<(usize, String), LastTold>,
    pub log: Vec<String>,
    pub acts: usize,
}

impl<'a> World<'a> {
    pub(super) fn new(seed: u64, shell: &'a Shell) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let calendar = CALENDARS.choose(&mut rng).unwrap();
        let now = calendar.begin;
        shell.set_clock(now);
        let site = |number: u8| {
            let mut id = WorkspaceId::new().uuid().into_bytes();
            // The last digit tells the two apart, and is the same each time.
            id[15] = id[15] & 0xf0 | number;
            Site::new(WorkspaceId::from_uuid(uuid::Uuid::from_bytes(id)), calendar)
        };
        Self {
            rng,
            shell,
            sites: vec![site(0), site(1)],
            accounts: Accounts::default(),
            bus: Vec::new(),
            answers: Vec::new(),
            now,
            skew: 0,
            skew_max: 0,
            held: BTreeMap::new(),
            meddled: BTreeSet::new(),
            resting: BTreeSet::new(),
            told: HashMap::new(),
            log: Vec::new(),
            acts: 0,
        }
    }

    /// Lives the world to its end.
    pub(super) async fn live(&mut self) -> Result<(), Violation> {
        for _ in 0..3 {
            let mapping = self.new_mapping(0);
            self.call(0, mapping).await?;
        }
        for provider in PROVIDERS {
            if self.one_in(2) {
                self.connect(0, provider, false);
            }
        }
        if self.one_in(4) {
            self.change_integration(0);
        }
        for _ in 0..self.rng.random_range(20..45) {
            self.step().await?;
            self.check()?;
        }
        self.settle().await?;
        // And when all is over.
        self.pass(SECONDS_TO_THE_END);
        self.settle().await
    }

    pub(super) fn workspaces(&self) -> Vec<WorkspaceId> {
        self.sites.iter().map(|site| site.workspace).collect()
    }

    pub(super) fn note(&mut self, text: impl AsRef<str>) {
        let time = DateTime::from_timestamp(self.now, 0).unwrap().format("%d %H:%M:%S");
        self.log.push(format!("{time}  {}", text.as_ref()));
    }

    pub(super) fn one_in(&mut self, number: u32) -> bool {
        self.rng.random_ratio(1, number)
    }

    /// Mostly the first; the second is there to be left alone.
    pub(super) fn any_site(&mut self) -> usize {
        usize::from(self.one_in(4))
    }

    pub(super) async fn step(&mut self) -> Result<(), Violation> {
        match self.rng.random_range(0..100) {
            0..20 => self.act().await,
            20..42 => {
                let work = self.delivery();
                self.run(work).await
            }
            42..52 => self.publish().await,
            52..62 => {
                let work = self.tick();
                self.run(work).await
            }
            62..70 => self.race().await,
            70..82 => self.adapter().await,
            82..94 => {
                self.let_time_go_on();
                Ok(())
            }
            94..96 => {
                self.trouble();
                Ok(())
            }
            96 => self.answer_late().await,
            97 => self.forge().await,
            _ => self.settle().await,
        }
    }

    // Time.

    pub(super) fn let_time_go_on(&mut self) {
        if self.one_in(8) {
            let skew = self.rng.random_range(-CLOCK_STEP_MAX..=CLOCK_STEP_MAX);
            let is_set_right = self.one_in(2);
            self.set_skew(if is_set_right { 0 } else { skew });
            return;
        }
        let now = self.now;
        let seconds = match self.rng.random_range(0..10) {
            0..3 => self.rng.random_range(1..40),
            3..5 => self.rng.random_range(1..30) * MINUTE,
            5 => self.rng.random_range(1..24) * HOUR,
            _ => {
                let turns = self.sites.iter().flat_map(|site| site.turns(now));
                let mut turns: Vec<Second> =
                    turns.filter(|turn| (now + 1..now + SCOPE).contains(turn)).collect();
                turns.sort_unstable();
                let next = turns.first().map_or(HOUR, |turn| turn - now);
                (next + self.rng.random_range(-1..=1)).max(1)
            }
        };
        self.pass(seconds);
    }

    pub(super) fn set_skew(&mut self, skew: Second) {
        self.skew = skew;
        self.skew_max = self.skew_max.max(skew);
        self.shell.set_clock(self.now + skew);
        self.note(format!("the replicas' clock is {skew} s ahead"));
    }

    pub(super) fn pass(&mut self, seconds: Second) {
        self.now += seconds;
        self.shell.set_clock(self.now + self.skew);
        self.note(format!("{seconds} s later"));
    }

    pub(super) fn all_places(&self) -> Vec<At> {
        (0..self.sites.len()).flat_map(|site| places().map(move |place| (site, place))).collect()
    }
}

/// Until all windows that the world can have are over, but for those that last for months or have no end.
const SECONDS_TO_THE_END: Second = 10 * DAY;
