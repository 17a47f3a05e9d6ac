//! Runs the storage service alone.

fn main() -> std::process::ExitCode {
    chassis::main(&storage::DEFINITION, storage::build)
}
