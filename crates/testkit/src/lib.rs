//! The one harness of all tests: real Postgres and NATS, a database and a subject root for each test,
//! a clock that the test sets, and a check of the books at the end.
//!
//! ```no_run
//! # async fn example(definition: &'static chassis::Definition) {
//! let mut harness = testkit::Harness::new().await;
//! let deps = harness.deps(definition).await;
//! // let address = harness.run(my_service::build(config, deps).await.unwrap());
//! harness.finish().await;
//! # }
//! ```

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a harness of tests"
)]

mod audit;
mod books;
mod eventually;
mod harness;
mod infra;
mod isolation;
mod link;
mod migration;
mod owner;
mod query_plans;

pub use audit::audit_line;
pub use books::Books;
pub use eventually::eventually;
pub use harness::{Bearer, CALLER_ADDRESS, Harness};
pub use infra::{Infra, infra};
pub use link::{Link, Traffic};
pub use migration::before;
pub use owner::owner;
pub use query_plans::assert_by_index;
