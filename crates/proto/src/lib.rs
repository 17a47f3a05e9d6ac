//! The contracts: code generated from `/proto`, the descriptor set for reflection, the register of facts
//! that travel as events, and who may call which method.

mod facts;
mod requirement;
mod secret;

pub use facts::Fact;
pub use requirement::{Requirement, Requirements, Undeclared};

/// All files of `/proto`, encoded, with the well-known types that they use.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

macro_rules! package {
    ($domain:ident, $name:literal) => {
        #[doc = concat!("Package `", $name, "`.")]
        pub mod $domain {
            /// Version 1.
            pub mod v1 {
                #![allow(
                    missing_docs,
                    unreachable_pub,
                    clippy::all,
                    clippy::pedantic,
                    clippy::allow_attributes,
                    reason = "generated"
                )]
                tonic::include_proto!($name);
                include!(concat!(env!("OUT_DIR"), "/", $name, ".serde.rs"));
            }
        }
    };
}

package!(auth, "latchkey.auth.v1");
package!(access, "latchkey.access.v1");
package!(audit, "latchkey.audit.v1");
package!(billing, "latchkey.billing.v1");
package!(ingest, "latchkey.ingest.v1");
package!(integrations, "latchkey.integrations.v1");
package!(membership, "latchkey.membership.v1");
package!(notification, "latchkey.notification.v1");
package!(storage, "latchkey.storage.v1");
package!(workspace, "latchkey.workspace.v1");
