//! Runs access-control alone.

fn main() -> std::process::ExitCode {
    chassis::main(&access_control::DEFINITION, access_control::build)
}
