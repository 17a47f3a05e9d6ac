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
    /// The workspace, such as workspaces/0193…; the demo workspace if left out. Not for `operator`.
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
    /// Operates the platform: everything, in all workspaces.
    Operator,
}

pub(crate) fn run(args: &TokenArgs) -> anyhow::Result<()> {
    let data = DataDir::configured()?;
    let role = match args.role {
        RoleArg::Owner => Some(Role::Owner),
        RoleArg::Admin => Some(Role::Admin),
        RoleArg::Manager => Some(Role::Manager),
        RoleArg::Member => Some(Role::Member),
        RoleArg::Guest => Some(Role::Guest),
        RoleArg::Operator => None,
    };
    let principal = match (role, &args.workspace) {
        (None, None) => Principal::operator(),
        (None, Some(_)) => anyhow::bail!("the operator is in all workspaces; leave --workspace out"),
        (Some(role), name) => {
            let name = name.clone().map_or_else(|| Ok(data.demo()?.workspace), anyhow::Ok)?;
            let WorkspaceName(workspace) = name.parse().with_context(|| format!("--workspace {name:?}"))?;
            Principal::person("latchkey", workspace, role)
        }
    };
    println!("{}", data.signer()?.issue(&principal, chrono::Duration::hours(args.hours)));
    Ok(())
}
