//! Runs the billing service alone.

fn main() -> std::process::ExitCode {
    chassis::main(&billing::DEFINITION, billing::build)
}
