//! Runs the integrations service alone.

fn main() -> std::process::ExitCode {
    chassis::main(&integrations::DEFINITION, integrations::build)
}
