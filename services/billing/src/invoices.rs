//! Invoices: written, sent out, paid, credited, called off. Each change is one transaction with its entry in the books
//! and its event.
//!
//! What an invoice may become decides [`billing_core::invoice`]; what its lines come to, [`billing_core::bill`].

mod document_number;
mod given_back;
mod life;
mod record;
mod row;
pub(crate) mod store;
mod write;

pub(crate) use given_back::{GivenBack, came_back, disputed, give_back};
pub(crate) use life::look;
pub use life::{
    Credit, InvoiceError, charge_failed, credit, finalise, give_up, paid, taken_back, use_credit, void,
};
pub(crate) use record::bill;
pub use record::{BillTo, CreditNote, Dispute, Invoice, Issue, Line, LineSubject, Period};
pub(crate) use row::{subject_columns, subject_of};
pub use write::{Draft, Place, create, raise, rewrite, send_out};
