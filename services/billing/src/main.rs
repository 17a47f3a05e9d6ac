//! Runs the billing service alone.

fn main() -> std::process::ExitCode {
    chassis::main_basic(billing::NAME, billing::CONFIG_DEFAULTS, billing::build)
}
