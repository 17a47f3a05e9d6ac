//! Lists in pages, by the id of the last row seen. The token binds the list and its filter, so that a
//! token of one list is of no use for another.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::error::Violation;
use crate::input::InvalidInput;

const PAGE_SIZE_DEFAULT: i32 = 50;
const PAGE_SIZE_MAX: i32 = 500;

/// Which page.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Rows after this id; nil for the first page.
    pub after: Uuid,
    /// Rows to read: one more than the page holds, to know whether there is a next one.
    pub limit: i64,
    binding: [u8; 8],
}

impl Page {
    /// Reads `page_size` and `page_token` of a request to list `filter` (its method and all fields but
    /// these two).
    pub fn read(page_size: i32, page_token: &str, filter: &[&str]) -> Result<Self, InvalidInput> {
        let refuse = |field: &str, problem: &str| {
            Err(InvalidInput(vec![Violation { field: field.to_owned(), problem: problem.to_owned() }]))
        };
        let size = match page_size {
            0 => PAGE_SIZE_DEFAULT,
            ..0 => return refuse("page_size", "must not be negative"),
            size => size.min(PAGE_SIZE_MAX),
        };
        let binding = binding(filter);
        let after = if page_token.is_empty() {
            Uuid::nil()
        } else {
            match BASE64.decode(page_token).ok().as_deref().and_then(|bytes| bytes.split_first_chunk::<8>()) {
                Some((bound, id)) if *bound == binding => match Uuid::from_slice(id) {
                    Ok(id) => id,
                    Err(_) => return refuse("page_token", "must be one that this list gave"),
                },
                _ => return refuse("page_token", "must be one that this list gave"),
            }
        };
        Ok(Self { after, limit: i64::from(size) + 1, binding })
    }

    /// Cuts the extra row off and gives the token of the next page, empty at the end.
    pub fn finish<T>(&self, rows: &mut Vec<T>, id: impl Fn(&T) -> Uuid) -> String {
        if (rows.len() as i64) < self.limit {
            return String::new();
        }
        rows.truncate((self.limit - 1) as usize);
        rows.last().map_or_else(String::new, |last| {
            BASE64.encode([self.binding.as_slice(), id(last).as_bytes().as_slice()].concat())
        })
    }
}

fn binding(filter: &[&str]) -> [u8; 8] {
    let mut digest = Sha256::new();
    for part in filter {
        digest.update(part.len().to_le_bytes());
        digest.update(part);
    }
    let digest = digest.finalize();
    std::array::from_fn(|i| digest[i])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_to_the_end() {
        let mut ids: Vec<Uuid> = (0..5).map(|_| Uuid::now_v7()).collect();
        ids.sort();
        let mut seen = Vec::new();
        let mut token = String::new();
        loop {
            let page = Page::read(2, &token, &["people", "w"]).unwrap();
            let mut rows: Vec<Uuid> =
                ids.iter().copied().filter(|id| *id > page.after).take(page.limit as usize).collect();
            token = page.finish(&mut rows, |id| *id);
            seen.extend(rows);
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, ids);
    }

    #[test]
    fn a_token_of_another_list_is_refused() {
        let page = Page::read(1, "", &["people", "a"]).unwrap();
        let token = page.finish(&mut vec![Uuid::now_v7(), Uuid::now_v7()], |id| *id);
        assert!(Page::read(1, &token, &["people", "a"]).is_ok());
        assert!(Page::read(1, &token, &["people", "b"]).is_err());
        assert!(Page::read(1, "garbage", &["people", "a"]).is_err());
        assert!(Page::read(-1, "", &[]).is_err());
    }
}
