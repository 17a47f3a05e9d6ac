//! Runs the gateway alone.

fn main() -> std::process::ExitCode {
    chassis::main_basic(gateway::NAME, gateway::CONFIG_DEFAULTS, gateway::build)
}
