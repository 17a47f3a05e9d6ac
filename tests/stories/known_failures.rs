//! What others admit to doing badly, and what happens here. Each story is named after one such failure.

mod explained;
