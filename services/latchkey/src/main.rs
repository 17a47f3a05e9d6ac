//! `latchkey`: runs the platform on one machine, and the operator's commands.

use clap::Parser as _;

fn main() -> std::process::ExitCode {
    latchkey::cli::run(latchkey::cli::Cli::parse())
}
