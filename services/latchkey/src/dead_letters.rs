//! `latchkey dead-letters`: what could not be processed.

use clap::Subcommand;
use events::subject::Root;
use events::{Bus, Connection, dead_letter};

use crate::installation::DataDir;

/// What to do with them.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List them, oldest first.
    List {
        /// From this number on.
        #[arg(long, default_value_t = 1)]
        from: u64,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show one whole.
    Show {
        /// Its number in the list.
        number: u64,
    },
    /// Have one processed again, and remove it from the list.
    Replay {
        /// Its number in the list.
        number: u64,
    },
}

pub(crate) async fn run(command: Command) -> anyhow::Result<()> {
    let running = DataDir::configured()?.running()?;
    let root = Root::new(running.nats_root)?;
    let connection = Connection::new(running.nats.into(), root);
    let bus = Bus::connect(connection, "latchkey-cli").await?;
    match command {
        Command::List { from, limit } => {
            let letters = dead_letter::list(&bus, from, limit).await?;
            if letters.is_empty() {
                println!("no dead letters");
            }
            for letter in letters {
                println!(
                    "{}  {}  {}  {}\n      {}",
                    letter.number,
                    letter.time.format("%Y-%m-%d %H:%M:%S"),
                    letter.consumer,
                    letter.subject,
                    letter.reason
                );
            }
        }
        Command::Show { number } => {
            let letter = dead_letter::get(&bus, number).await?;
            println!("number      {}", letter.number);
            println!("time        {}", letter.time);
            println!("consumer    {}", letter.consumer);
            println!("reason      {}", letter.reason);
            println!("subject     {}", letter.subject);
            println!("deliveries  {}", letter.deliveries);
            for (name, value) in &letter.headers {
                println!("header      {name}: {value}");
            }
            println!("\n{}", String::from_utf8_lossy(&letter.payload));
        }
        Command::Replay { number } => {
            let letter = dead_letter::replay(&bus, number).await?;
            println!("published again on {}; {} decides anew", letter.subject, letter.consumer);
        }
    }
    Ok(())
}
