//! `latchkey token`: prints a token.

use anyhow::Context as _;
use chassis::auth::{Principal, Role};
use clap::{Args, ValueEnum};
use domain::names::WorkspaceName;

use crate::installation::DataDir;

/// Whom the token names.
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// What the token allows.
    #[arg(long, value_enum)]
    role: RoleArg,
    /// The workspace, such as workspaces/0193…; the demo workspace if left out. Not for `service`.
    #[arg(long)]
    workspace: Option<String>,
    /// How long it holds.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(i64).range(1..=720))]
    hours: i64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleArg {
    /// Owns the workspace.
    Owner,
    /// Manages the workspace.
    Admin,
    /// Manages some of its locations.
    Manager,
    /// Uses the space.
    Member,
    /// Comes now and then.
    Guest,
    /// A part of the platform, in all workspaces.
    Service,
}

pub(crate) fn run(args: &TokenArgs) -> anyhow::Result<()> {
    let data = DataDir::configured()?;
    let role = match args.role {
        RoleArg::Owner => Role::Owner,
        RoleArg::Admin => Role::Admin,
        RoleArg::Manager => Role::Manager,
        RoleArg::Member => Role::Member,
        RoleArg::Guest => Role::Guest,
        RoleArg::Service => Role::Service,
    };
    let workspace = match (&args.workspace, role) {
        (None, Role::Service) => None,
        (Some(_), Role::Service) => anyhow::bail!("a service is in all workspaces; leave --workspace out"),
        (Some(name), _) => Some(name.clone()),
        (None, _) => Some(data.demo()?.workspace),
    };
    let workspace = workspace
        .map(|name| name.parse::<WorkspaceName>().with_context(|| format!("--workspace {name:?}")))
        .transpose()?
        .map(|WorkspaceName(id)| id);
    let principal = Principal { id: "latchkey".to_owned(), workspace, role };
    println!("{}", data.authority()?.issue(&principal, chrono::Duration::hours(args.hours)));
    Ok(())
}
