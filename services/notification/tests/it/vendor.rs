//! The vendors' clients against a local server that answers as each test says.

mod sendgrid;
mod server;
mod twilio;
