//! Runs the workspace service alone.

fn main() -> std::process::ExitCode {
    chassis::main(&workspace::DEFINITION, workspace::build)
}
