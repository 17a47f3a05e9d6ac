//! Lists: newest first, page by page (Stripe API reference, Pagination).

use serde_json::{Value, json};

use super::params::Params;
use super::refusal::Refusal;
use super::shelf::{Object, Shelf};

const LIMIT_DEFAULT: i64 = 10;
const LIMIT_MAX: i64 = 100;

/// Which page of a list.
pub(super) struct Page {
    limit: usize,
    starting_after: Option<String>,
    ending_before: Option<String>,
    created: Created,
}

/// When the wanted ones were made, in Unix seconds.
#[derive(Default)]
struct Created {
    from: Option<i64>,
    until: Option<i64>,
}

impl Created {
    fn read(params: &mut Params) -> Result<Self, Refusal> {
        // `created=…` itself, or bounds of it.
        if let Ok(Some(exactly)) = params.clone().integer("created") {
            params.integer("created")?;
            return Ok(Self { from: Some(exactly), until: Some(exactly) });
        }
        let Some(mut within) = params.within("created")? else { return Ok(Self::default()) };
        let from = match within.integer("gt")? {
            Some(after) => Some(after + 1),
            None => within.integer("gte")?,
        };
        let until = match within.integer("lt")? {
            Some(before) => Some(before - 1),
            None => within.integer("lte")?,
        };
        within.done()?;
        Ok(Self { from, until })
    }

    fn admits(&self, created: i64) -> bool {
        self.from.is_none_or(|from| from <= created) && self.until.is_none_or(|until| created <= until)
    }
}

impl Page {
    pub(super) fn read(params: &mut Params) -> Result<Self, Refusal> {
        let limit = params.integer("limit")?.unwrap_or(LIMIT_DEFAULT);
        let limit = Some(limit).filter(|limit| (1..=LIMIT_MAX).contains(limit));
        let limit = limit.and_then(|limit| usize::try_from(limit).ok());
        Ok(Self {
            limit: limit.ok_or_else(|| Refusal::invalid("limit".to_owned(), "Must be from 1 to 100"))?,
            starting_after: params.filled("starting_after")?,
            ending_before: params.filled("ending_before")?,
            created: Created::read(params)?,
        })
    }

    /// The page of those that are wanted.
    pub(super) fn of<T: Object>(
        self,
        shelf: &Shelf<T>,
        url: &str,
        is_wanted: impl Fn(&T) -> bool,
    ) -> Result<Value, Refusal> {
        let place = |cursor: &Option<String>, param: &'static str| match cursor {
            None => Ok(None),
            Some(id) => match shelf.place(id) {
                Some(place) => Ok(Some(place)),
                None => Err(Refusal::NoSuch { kind: T::KIND, id: id.clone(), param }),
            },
        };
        let before = place(&self.starting_after, "starting_after")?;
        let after = place(&self.ending_before, "ending_before")?;
        let all = shelf.all();
        let between = after.map_or(0, |place| place + 1)..before.unwrap_or(all.len());
        let candidates = all.get(between).unwrap_or_default();
        let is_wanted = |object: &&T| self.created.admits(object.created()) && is_wanted(object);
        // With `ending_before` alone a page lies next to it, and pages go towards now.
        let towards_now = after.is_some() && before.is_none();
        let mut page: Vec<&T> = if towards_now {
            candidates.iter().filter(is_wanted).take(self.limit + 1).collect()
        } else {
            candidates.iter().rev().filter(is_wanted).take(self.limit + 1).collect()
        };
        let has_more = page.len() > self.limit;
        page.truncate(self.limit);
        if towards_now {
            page.reverse();
        }
        let data: Vec<Value> = page.into_iter().map(Object::json).collect();
        Ok(json!({ "object": "list", "url": url, "has_more": has_more, "data": data }))
    }
}
