//! Whether the simulation has teeth: each of these faults, made in a copy of the source, must be found by it.

#![expect(clippy::unwrap_used, reason = "tests say what went wrong by panicking")]

mod list;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use list::{MUTATIONS, Mutation};

/// Seeds in which a fault must be found.
const SEEDS: &str = "3000";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("services/access-control").to_owned()
}

#[test]
fn the_text_of_each_mutation_stands_exactly_once() {
    let is_sound = |mutation: &&Mutation| {
        let source = fs::read_to_string(root().join(mutation.file)).unwrap_or_default();
        source.matches(mutation.text).count() == 1
    };
    let unsound: Vec<&str> =
        MUTATIONS.iter().filter(|it| !is_sound(it)).map(|mutation| mutation.name).collect();
    assert!(unsound.is_empty(), "the text is not there, or more than once: {unsound:#?}");
}

#[test]
#[ignore = "builds the simulation anew for each; make sim-mutations"]
fn each_mutation_is_found() {
    #[expect(clippy::disallowed_methods, reason = "whoever runs it says so")]
    let wanted = std::env::var("MUTATION").unwrap_or_default();
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutations");
    copy_source(&root(), &copy);
    let mut missed = Vec::new();
    for Mutation { name, file, text, replacement } in MUTATIONS.iter().filter(|it| it.name.contains(&wanted))
    {
        let path = copy.join(file);
        let source = fs::read_to_string(&path).unwrap();
        fs::write(&path, source.replace(text, replacement)).unwrap();
        let said = simulate(&copy);
        fs::write(&path, source).unwrap();
        match said.lines().find(|line| line.starts_with("seed ")) {
            Some(finding) => eprintln!("found: {name}\n       {finding}"),
            None => {
                eprintln!("MISSED: {name}\n{said}");
                missed.push(name);
            }
        }
    }
    assert!(missed.is_empty(), "missed: {missed:#?}");
}

/// Copies what belongs to the repository. What is there already and the same is left alone, so that it is not
/// built anew.
fn copy_source(from: &Path, to: &Path) {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(from)
        .output()
        .unwrap();
    for name in String::from_utf8(listed.stdout).unwrap().split_terminator('\0') {
        let (source, copy) = (from.join(name), to.join(name));
        match fs::read(&source) {
            Ok(bytes) if fs::read(&copy).is_ok_and(|there| there == bytes) => {}
            Ok(bytes) => {
                fs::create_dir_all(copy.parent().expect("below the root")).unwrap();
                fs::write(&copy, bytes).unwrap();
            }
            // Deleted, and not yet committed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => panic!("{}: {error}", source.display()),
        }
    }
}

/// What the simulation says of a copy. Cargo knows a package by where it lies below its root, so in the folder of
/// the original's builds those of the copy would stand in for them.
fn simulate(copy: &Path) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["test", "--quiet", "--package", "access-control", "--lib", "sim::"])
        .current_dir(copy)
        .env("CARGO_TARGET_DIR", copy.with_extension("target"))
        // Each is another one by a line or two; and nobody looks where in the source it went wrong.
        .env("CARGO_INCREMENTAL", "1")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("SEEDS", SEEDS)
        .output()
        .unwrap();
    [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat()
}
