//! Compiles `/proto` without protoc: protox parses, tonic and pbjson generate.

use std::path::{Path, PathBuf};

#[expect(clippy::disallowed_methods, reason = "cargo tells build scripts by the environment")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Relative, for a build folder may have been filled by a clone elsewhere. Cargo runs this in the
    // crate's folder.
    let root = Path::new("../../proto");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    collect(root, &mut files)?;
    files.sort();

    let mut compiler = protox::Compiler::new([root])?;
    compiler.include_imports(true).include_source_info(true).open_files(&files)?;
    let descriptors = compiler.file_descriptor_set();
    // This form alone has our own options.
    let encoded = compiler.encode_file_descriptor_set();
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), &encoded)?;

    tonic_prost_build::configure()
        .compile_well_known_types(true)
        .extern_path(".google.protobuf", "::pbjson_types")
        // Maps in order: a request's fingerprint is a hash of its encoding.
        .btree_map(".latchkey")
        // Secrets: their Debug is written by hand.
        .skip_debug([
            ".latchkey.access.v1.DoorSecret",
            ".latchkey.access.v1.MobileLogin",
            ".latchkey.access.v1.RevealDoorSecretResponse",
            ".latchkey.billing.v1.ContinuePaymentResponse",
            ".latchkey.billing.v1.ReceiveStripeEventRequest",
            ".latchkey.billing.v1.StartPaymentMethodResponse",
            ".latchkey.integrations.v1.ConnectIntegrationRequest",
            ".latchkey.integrations.v1.ResolveCredentialResponse",
            ".latchkey.storage.v1.CreateDownloadLinkResponse",
            ".latchkey.storage.v1.PutFileRequest",
            ".latchkey.storage.v1.SignedRequest",
            ".latchkey.workspace.v1.CreateApiKeyResponse",
        ])
        .compile_fds(descriptors)?;
    pbjson_build::Builder::new()
        .register_descriptors(&encoded)?
        .extern_path(".google.protobuf", "::pbjson_types")
        .btree_map([".latchkey"])
        // Readers outlive writers: what they don't know, they ignore.
        .ignore_unknown_fields()
        .ignore_unknown_enum_variants()
        .build(&[".latchkey"])?;
    Ok(())
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "node_modules") {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    Ok(())
}
