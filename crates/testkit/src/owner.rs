//! The database as its owner sees it.

use std::str::FromStr as _;

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

/// Connections past row-level security, with the search path `schema`: for what no service may do, and for
/// a look at the ledgers from outside.
pub async fn owner(url: &SecretString, schema: &str) -> Result<PgPool, sqlx::Error> {
    let options = PgConnectOptions::from_str(url.expose_secret())?.options([("search_path", schema)]);
    PgPoolOptions::new().max_connections(2).connect_with(options).await
}
