//! `make bench`: prints its table; `docs/performance.md` keeps one with the machine it came from. With names of parts it
//! prints those alone.

use std::process::ExitCode;

use stories::bench::{
    Times, bare, bills, gateway, latency, ledger, memory, schedules, sustained, unlock, webhooks,
};
use stories::play::{PEOPLE_KNOWN, World};
use stories::{Stage, stage::Setting};

/// What can be measured, in this order: later parts fill the database.
const PARTS: [&str; 8] =
    ["memory", "bookings", "gateway", "unlocks", "webhooks", "ledgers", "schedules", "bills"];
/// Workspaces with a Kisi account each: accounts are worked side by side.
const ACCOUNTS: usize = 16;
const LATENCY_BOOKINGS: usize = 320;
const SUSTAINED_BOOKINGS: usize = 4_000;

#[tokio::main]
async fn main() -> ExitCode {
    let named: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = named.iter().find(|name| !PARTS.contains(&name.as_str())) {
        eprintln!("there is no part {unknown}, but {}", PARTS.join(", "));
        return ExitCode::FAILURE;
    }
    let quiet = |name, value: &str| (name, value.to_owned());
    let setting = Setting {
        environment: vec![
            quiet("LATCHKEY_TELEMETRY__LOG_FILTER", "warn"),
            quiet("LATCHKEY_TELEMETRY__TRACE_RATIO", "0"),
        ],
        ..Default::default()
    };
    let is_wanted = |part: &str| named.is_empty() || named.iter().any(|name| name == part);
    let mut stage = Stage::set(setting).await;
    let client = stage.client();
    let (accounts, people) = match is_wanted("memory") || is_wanted("bookings") {
        true => (ACCOUNTS, PEOPLE_KNOWN + SUSTAINED_BOOKINGS / ACCOUNTS),
        false => (1, 1),
    };
    eprintln!("preparing {accounts} workspaces");
    let mut worlds = Vec::with_capacity(accounts);
    for number in 0..accounts {
        let account = stage.new_account(&format!("Bench {number}"));
        worlds.push(World::build_one(&client, &format!("-{number}"), &account, 8, people).await);
    }
    println!("                                                              p50            p99");
    for part in PARTS.into_iter().filter(|part| is_wanted(part)) {
        eprintln!("{part}");
        match part {
            "memory" => at_rest(&stage),
            "bookings" => bookings(&stage, &worlds).await,
            "gateway" => through_gateway(&stage, &worlds[0]).await,
            "unlocks" => unlocks(&stage, &worlds[0]).await,
            "webhooks" => of_webhooks(&stage, &worlds[0]).await,
            "ledgers" => ledgers(&mut stage).await,
            "schedules" => of_schedules(&mut stage).await,
            _ => of_bills(&mut stage).await,
        }
    }
    ExitCode::SUCCESS
}

fn at_rest(stage: &Stage) {
    println!("resident memory at rest (aim: under 40 MiB each)");
    for (service, mib) in memory::measure(stage) {
        println!("  {service:<16} {mib:6.1} MiB");
    }
}

async fn bookings(stage: &Stage, worlds: &[World]) {
    let bare = bare::measure(stage).await;
    let latency = latency::measure(stage, worlds, LATENCY_BOOKINGS).await;
    let sustained = sustained::measure(stage, worlds, SUSTAINED_BOOKINGS).await;
    println!("bare chain: 2 commits, 2 acknowledged publishes, 1 POST");
    println!("  back to back                                       {}", times(bare.back_to_back));
    println!("  20 a second                                        {}", times(bare.paced));
    println!("confirm to Kisi's request, 20 a second ({} times)   {}", latency.count, times(latency));
    println!("  against the bare chain back to back (aim: 6 and 15){}", ratios(latency, bare.back_to_back));
    println!("  against the bare chain at 20 a second              {}", ratios(latency, bare.paced));
    println!(
        "single-row commits at 8 connections                        {:8.0} a second",
        bare.commits_per_second
    );
    println!(
        "confirmed bookings, {:.1} vendor calls each, carried through  {:8.0} a second",
        sustained.calls_per_booking, sustained.bookings_per_second
    );
    println!(
        "  confirmations answered                                   {:8.0} a second",
        sustained.confirms_per_second
    );
    println!(
        "  against the commits (aim: at least 6 %)                  {:8.1} %",
        sustained.bookings_per_second / bare.commits_per_second * 100.0
    );
}

async fn through_gateway(stage: &Stage, world: &World) {
    let gateway = gateway::measure(stage, world).await;
    println!("calls to look at a room, straight at the service           {:8.0} a second", gateway.direct);
    println!("  through the gateway                                      {:8.0} a second", gateway.through);
    println!(
        "  one is so many of the other (aim: at most 1.5)           {:8.2} times",
        gateway.direct / gateway.through
    );
}

async fn unlocks(stage: &Stage, world: &World) {
    let unlocks = unlock::measure(stage, world).await;
    println!("unlocks of a relay's door, 50 a second");
    println!("  straight at its controller                         {}", times(unlocks.direct));
    println!("  through gateway, access-control and relay-adapter  {}", times(unlocks.through));
    println!(
        "  so much more (aim: p99 under 5 ms)                 {:10.2} ms {:11.2} ms",
        unlocks.through.p50_ms - unlocks.direct.p50_ms,
        unlocks.through.p99_ms - unlocks.direct.p99_ms
    );
}

async fn ledgers(stage: &mut Stage) {
    let [few, many] = ledger::measure(stage).await;
    println!("a look at a due grant");
    for looks in [few, many] {
        println!(
            "  {:9} grants, {:7} of them due within a minute    {:8.3} ms {:11.1} MiB resident",
            looks.grants, looks.due, looks.each_ms, looks.resident_mib
        );
    }
    println!(
        "  the large ledger's against the small one's (aim: at most 1.5) {:5.2} times",
        many.each_ms / few.each_ms
    );
}

async fn of_schedules(stage: &mut Stage) {
    let schedules = schedules::measure(stage).await;
    println!("schedules of {} doors", schedules.doors);
    println!("  all of them decided, on one thread (aim: at most 1000)   {:8.0} ms", schedules.decided_ms);
    println!(
        "  a tick in which {:6} of them are due (aim: at most 1000) {:7.0} ms",
        schedules.due, schedules.tick_ms
    );
}

async fn of_webhooks(stage: &Stage, world: &World) {
    let intake = webhooks::measure(stage, world).await;
    println!("reports of Stripe's, 8 at a time ({} times)       {}", intake.times.count, times(intake.times));
    println!("  taken in                                                 {:8.0} a second", intake.per_second);
    println!(
        "  single-row commits at 8 connections                      {:8.0} a second",
        intake.commits_per_second
    );
    println!(
        "  one is so many of the other                              {:8.1} %",
        intake.per_second / intake.commits_per_second * 100.0
    );
}

async fn of_bills(stage: &mut Stage) {
    let [short, long] = bills::measure(stage).await;
    println!("a daily run of invoices");
    for run in [short, long] {
        println!(
            "  {:6} after {:8} old ones: {:6.2} ms each, {:5.0} a second; {:2.0} % of it in Postgres; {:5.1} MiB",
            run.invoices,
            run.history,
            run.each_ms,
            1_000.0 / run.each_ms,
            run.in_postgres * 100.0,
            run.resident_mib
        );
    }
    println!(
        "  after the long history against the short one (aim: at most 1.5) {:5.2} times",
        long.each_ms / short.each_ms
    );
}

fn times(times: Times) -> String {
    format!("{:10.2} ms {:11.2} ms", times.p50_ms, times.p99_ms)
}

fn ratios(measured: Times, bare: Times) -> String {
    format!("{:9.1} times {:8.1} times", measured.p50_ms / bare.p50_ms, measured.p99_ms / bare.p99_ms)
}
