//! Invoices as PDFs.

use domain::names::InvoiceName;
use proto::billing::v1 as pb;

use super::App;
use crate::convert;
use crate::error::Error;
use crate::pdf;
use crate::sight::Sight;

impl App {
    pub(crate) async fn invoice_document(
        &self,
        name: InvoiceName,
        sight: Sight,
    ) -> Result<pb::GetInvoiceDocumentResponse, Error> {
        let invoice = self.find_invoice(name, sight).await?;
        let Some(issue) = &invoice.issue else {
            let refusal = billing_core::invoice::Refusal::Draft;
            return Err(Error::Invoice(crate::invoices::InvoiceError::Refused { id: invoice.id, refusal }));
        };
        let file_name = format!("{}.pdf", issue.number_text);
        let shown = convert::document::document(&invoice, issue);
        let content = tokio::task::spawn_blocking(move || pdf::invoice(&shown));
        let content = content.await.map_err(anyhow::Error::from).flatten().map_err(Error::Document)?;
        Ok(pb::GetInvoiceDocumentResponse { content, file_name })
    }
}
