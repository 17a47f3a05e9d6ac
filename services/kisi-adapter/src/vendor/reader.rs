//! Reads lists of Kisi's call by call.

use serde::de::DeserializeOwned;
use vendor_http::http::Method;

use super::client::KisiAccount;
use super::error::Error;
use super::listing::{self, Listing, Next};
use super::wire::Row;

/// How often a list is read anew because rows moved in it.
const LIST_TRIES: u32 = 3;

/// Reads a list call by call.
pub(crate) struct Reader<T> {
    template: &'static str,
    path: &'static str,
    limit: u64,
    query: Vec<(String, String)>,
    listing: Listing<T>,
    offset: u64,
    tries: u32,
    /// Whether a page that does not say how many rows there are is refused.
    must_count: bool,
}
impl<T: Row + DeserializeOwned> Reader<T> {
    pub(super) fn new(
        template: &'static str,
        path: &'static str,
        limit: u64,
        query: &[(&str, &str)],
    ) -> Self {
        let query = query.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self {
            template,
            path,
            limit,
            query,
            listing: Listing::new(limit),
            offset: 0,
            tries: 1,
            must_count: false,
        }
    }

    /// The same, refusing pages that do not say how many rows there are: an empty one would read as if
    /// there were none.
    pub(crate) fn counted(self) -> Self {
        Self { must_count: true, ..self }
    }

    /// Makes one call. Gives all rows once it has them; until then there are more calls to make.
    pub(crate) async fn read_on(&mut self, account: &KisiAccount) -> Result<Option<Vec<T>>, Error> {
        let (limit, offset) = (self.limit.to_string(), self.offset.to_string());
        let query = self.query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let query: Vec<(&str, &str)> = query.chain([("limit", &*limit), ("offset", &*offset)]).collect();
        let answer = account.send(account.call(Method::GET, self.template, &[self.path], &query)).await?;
        let range = answer.headers.get("x-collection-range").and_then(|range| range.to_str().ok());
        let incomplete = |seen| Err(Error::ListIncomplete { template: self.template, seen });
        let total = range.and_then(listing::total);
        if self.must_count && total.is_none() {
            return incomplete(self.listing.len());
        }
        match self.listing.add(answer.json()?, total) {
            Next::Page { offset } => self.offset = offset,
            Next::Whole(rows) => return Ok(Some(rows)),
            Next::Moved if self.tries < LIST_TRIES => {
                self.tries += 1;
                self.offset = 0;
                self.listing = Listing::new(self.limit);
            }
            Next::Moved | Next::TooLong => return incomplete(self.listing.len()),
        }
        Ok(None)
    }
}
