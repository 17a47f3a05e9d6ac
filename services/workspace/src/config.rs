//! Settings of this service.

use serde::Deserialize;

/// None beyond the shared ones.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Config {}
