//! Puts the pages of a list together, and knows when it is whole.
//!
//! Kisi pages by offset, so a row that comes or goes while we read moves the others: one is seen
//! twice, or not at all. A list that may lack a row must not look like one where the row is gone.

use std::collections::HashSet;

use super::wire::Row;

/// Highest `offset` that Kisi takes (Kisi API reference, Pagination).
const OFFSET_MAX: u64 = 20_000;

/// Rows read so far.
pub(crate) struct Listing<T> {
    limit: u64,
    rows: Vec<T>,
    ids: HashSet<u64>,
    /// Rows received, repeated ones included: where the next page begins.
    received: u64,
    total: Option<u64>,
    total_changed: bool,
}

/// What to do after a page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<T> {
    /// Read the page at this offset.
    Page { offset: u64 },
    /// All rows, each once.
    Whole(Vec<T>),
    /// Rows moved while they were read, so one may be missing: read all again.
    Moved,
    /// More rows than Kisi hands out.
    TooLong,
}

impl<T: Row> Listing<T> {
    /// Before the first page. `limit` is the page size that is asked for.
    pub(crate) fn new(limit: u64) -> Self {
        let (rows, ids) = (Vec::new(), HashSet::new());
        Self { limit, rows, ids, received: 0, total: None, total_changed: false }
    }

    /// Rows so far, each once.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Takes a page and the total that its header named.
    pub(crate) fn add(&mut self, page: Vec<T>, total: Option<u64>) -> Next<T> {
        let page_len = page.len() as u64;
        self.received += page_len;
        self.total_changed |= matches!((self.total, total), (Some(before), Some(now)) if before != now);
        self.total = total.or(self.total);
        for row in page {
            if self.ids.insert(row.row_id()) {
                self.rows.push(row);
            }
        }
        let is_last = match self.total {
            Some(total) => page_len == 0 || self.received >= total,
            None => page_len < self.limit,
        };
        if !is_last {
            return if self.received > OFFSET_MAX {
                Next::TooLong
            } else {
                Next::Page { offset: self.received }
            };
        }
        // Without a total, a repeated row is the only sign that rows moved.
        let unique = self.rows.len() as u64;
        if self.total_changed || unique != self.total.unwrap_or(self.received) {
            return Next::Moved;
        }
        Next::Whole(std::mem::take(&mut self.rows))
    }
}

/// The total in `X-Collection-Range`: `0-9/15`, or `*/0` for an empty list. The range before the slash is
/// the one that was asked for, so it tells nothing.
pub(crate) fn total(range: &str) -> Option<u64> {
    range.rsplit_once('/')?.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone, PartialEq, Eq)]
    struct Id(u64);

    impl Row for Id {
        fn row_id(&self) -> u64 {
            self.0
        }
    }

    fn ids(range: std::ops::Range<u64>) -> Vec<Id> {
        range.map(Id).collect()
    }

    #[test]
    fn ranges_are_read() {
        assert_eq!(total("0-9/15"), Some(15));
        assert_eq!(total("*/0"), Some(0));
        for range in ["", "0-9", "0-9/*", "0-9/x"] {
            assert_eq!(total(range), None, "{range:?}");
        }
    }

    #[test]
    fn an_empty_list_is_whole() {
        assert_eq!(Listing::<Id>::new(10).add(vec![], Some(0)), Next::Whole(vec![]));
        assert_eq!(Listing::<Id>::new(10).add(vec![], None), Next::Whole(vec![]));
    }

    #[test]
    fn pages_are_read_until_the_total_is_reached() {
        let mut listing = Listing::new(10);
        assert_eq!(listing.add(ids(0..10), Some(15)), Next::Page { offset: 10 });
        assert_eq!(listing.add(ids(10..15), Some(15)), Next::Whole(ids(0..15)));
    }

    #[test]
    fn a_page_shorter_than_asked_for_is_not_the_last_while_the_total_says_more() {
        let mut listing = Listing::new(10);
        assert_eq!(listing.add(ids(0..5), Some(8)), Next::Page { offset: 5 });
        assert_eq!(listing.add(ids(5..8), Some(8)), Next::Whole(ids(0..8)));
    }

    #[test]
    fn without_a_total_a_short_page_is_the_last() {
        let mut listing = Listing::new(10);
        assert_eq!(listing.add(ids(0..10), None), Next::Page { offset: 10 });
        assert_eq!(listing.add(ids(10..13), None), Next::Whole(ids(0..13)));
    }

    #[test]
    fn an_empty_page_before_the_total_is_no_end() {
        let mut listing = Listing::new(10);
        listing.add(ids(0..10), Some(15));
        assert_eq!(listing.add(vec![], Some(15)), Next::Moved);
        assert_eq!(Listing::<Id>::new(10).add(vec![], Some(3)), Next::Moved);
    }

    #[test]
    fn a_repeated_row_in_place_of_another_is_no_whole_list() {
        let mut listing = Listing::new(10);
        listing.add(ids(0..10), Some(12));
        assert_eq!(listing.add(ids(9..11), Some(12)), Next::Moved);
        let mut listing = Listing::new(10);
        listing.add(ids(0..10), None);
        assert_eq!(listing.add(ids(9..11), None), Next::Moved);
    }

    #[test]
    fn a_total_that_changes_between_pages_means_that_a_row_may_be_missing() {
        let mut listing = Listing::new(10);
        listing.add(ids(0..10), Some(12));
        assert_eq!(listing.add(ids(11..12), Some(11)), Next::Moved);
    }

    #[test]
    fn rows_that_the_header_denies_are_no_whole_list() {
        assert_eq!(Listing::new(10).add(ids(0..1), Some(0)), Next::Moved);
    }

    #[test]
    fn a_list_beyond_the_highest_offset_is_too_long() {
        let mut listing = Listing::new(250);
        let mut offset = 0;
        loop {
            match listing.add(ids(offset..offset + 250), Some(30_000)) {
                Next::Page { offset: next } => offset = next,
                other => break assert_eq!(other, Next::TooLong),
            }
        }
        assert_eq!(offset, OFFSET_MAX);
    }

    proptest! {
        /// Whatever is deleted from the list while it is read: what counts as whole has every row that
        /// was there all the time.
        #[test]
        fn a_whole_list_lacks_no_row_that_was_there_all_the_time(
            rows in 0u64..60, limit in 1u64..20,
            deletes in prop::collection::vec((0usize..6, any::<prop::sample::Index>()), 0..3),
        ) {
            let mut stored = ids(0..rows);
            let mut listing = Listing::new(limit);
            let mut offset = 0;
            for page_number in 0.. {
                for (_, index) in deletes.iter().filter(|(at, _)| *at == page_number) {
                    if !stored.is_empty() {
                        stored.remove(index.index(stored.len()));
                    }
                }
                let total = stored.len() as u64;
                let page = stored.iter().skip(offset as usize).take(limit as usize).cloned().collect();
                match listing.add(page, Some(total)) {
                    Next::Page { offset: next } => offset = next,
                    Next::Whole(read) => {
                        prop_assert!(stored.iter().all(|row| read.contains(row)));
                        break;
                    }
                    Next::Moved | Next::TooLong => break,
                }
            }
        }
    }
}
