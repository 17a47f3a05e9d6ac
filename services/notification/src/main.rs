//! Runs the notification service alone.

fn main() -> std::process::ExitCode {
    chassis::main(&notification::DEFINITION, notification::build)
}
