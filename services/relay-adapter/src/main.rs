//! Runs the relay adapter alone.

fn main() -> std::process::ExitCode {
    chassis::main(&relay_adapter::DEFINITION, relay_adapter::build)
}
