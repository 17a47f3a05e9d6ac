//! Runs the UniFi adapter alone.

fn main() -> std::process::ExitCode {
    chassis::main(&unifi_adapter::DEFINITION, unifi_adapter::build)
}
