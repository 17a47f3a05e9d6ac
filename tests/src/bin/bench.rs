//! `make bench`: prints its table; `docs/performance.md` keeps one with the machine it came from.

use stories::bench::{Times, bare, gateway, latency, ledger, memory, sustained};
use stories::play::{PEOPLE_KNOWN, World};
use stories::{Stage, stage::Setting};

/// Workspaces with a Kisi account each: accounts are worked side by side.
const ACCOUNTS: usize = 16;
const LATENCY_BOOKINGS: usize = 320;
const SUSTAINED_BOOKINGS: usize = 4_000;

#[tokio::main]
async fn main() {
    let quiet = |name, value: &str| (name, value.to_owned());
    let setting = Setting {
        environment: vec![
            quiet("LATCHKEY_TELEMETRY__LOG_FILTER", "warn"),
            quiet("LATCHKEY_TELEMETRY__TRACE_RATIO", "0"),
        ],
        ..Default::default()
    };
    let mut stage = Stage::set(setting).await;
    let client = stage.client();
    eprintln!("preparing {ACCOUNTS} workspaces");
    let people = PEOPLE_KNOWN + SUSTAINED_BOOKINGS / ACCOUNTS;
    let mut worlds = Vec::with_capacity(ACCOUNTS);
    for number in 0..ACCOUNTS {
        let account = stage.new_account(&format!("Bench {number}"));
        worlds.push(World::build_one(&client, &format!("-{number}"), &account, 8, people).await);
    }
    let idle = memory::measure(&stage);
    eprintln!("the bare chain");
    let bare = bare::measure(&stage).await;
    eprintln!("latency");
    let latency = latency::measure(&stage, &worlds, LATENCY_BOOKINGS).await;
    eprintln!("sustained");
    let sustained = sustained::measure(&stage, &worlds, SUSTAINED_BOOKINGS).await;
    eprintln!("the gateway");
    let gateway = gateway::measure(&stage, &worlds[0]).await;
    eprintln!("ledgers");
    let [few, many] = ledger::measure(&mut stage).await;

    println!("                                                              p50            p99");
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
    println!("calls to look at a room, straight at the service           {:8.0} a second", gateway.direct);
    println!("  through the gateway                                      {:8.0} a second", gateway.through);
    println!(
        "  one is so many of the other (aim: at most 1.5)           {:8.2} times",
        gateway.direct / gateway.through
    );
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
    println!("resident memory at rest (aim: under 40 MiB each)");
    for (service, mib) in idle {
        println!("  {service:<16} {mib:6.1} MiB");
    }
}

fn times(times: Times) -> String {
    format!("{:10.2} ms {:11.2} ms", times.p50_ms, times.p99_ms)
}

fn ratios(measured: Times, bare: Times) -> String {
    format!("{:9.1} times {:8.1} times", measured.p50_ms / bare.p50_ms, measured.p99_ms / bare.p99_ms)
}
