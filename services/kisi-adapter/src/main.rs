//! Runs the Kisi adapter alone.

fn main() -> std::process::ExitCode {
    chassis::main(&kisi_adapter::DEFINITION, kisi_adapter::build)
}
