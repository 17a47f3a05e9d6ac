//! `expand`: ids become the objects that they name (Stripe API reference, Expanding responses).

use serde_json::Value;

use super::book::Book;
use super::refusal::Refusal;

const DEPTH_MAX: usize = 4;

/// Puts objects in the place of ids along each path, such as `data.latest_charge`.
pub(super) fn expand(book: &Book, shown: &mut Value, paths: &[String]) -> Result<(), Refusal> {
    for path in paths {
        let names: Vec<&str> = path.split('.').collect();
        if names.len() > DEPTH_MAX {
            let message = "You cannot expand more than 4 levels of a property";
            return Err(Refusal::invalid("expand".to_owned(), message));
        }
        along(book, shown, &names).ok_or_else(|| {
            let message = format!("This property cannot be expanded ({path}).");
            Refusal::Invalid { param: "expand".to_owned(), message, code: None }
        })?;
    }
    Ok(())
}

/// None if there is nothing of that name, or it is no object's id.
fn along(book: &Book, shown: &mut Value, names: &[&str]) -> Option<()> {
    let Some((name, rest)) = names.split_first() else { return Some(()) };
    if let Value::Array(rows) = shown {
        return rows.iter_mut().try_for_each(|row| along(book, row, names));
    }
    let field = shown.get_mut(name)?;
    match field {
        // Nothing there to be expanded.
        Value::Null => return Some(()),
        Value::String(id) => *field = book.any(id)?,
        _ => {}
    }
    along(book, field, rest)
}
