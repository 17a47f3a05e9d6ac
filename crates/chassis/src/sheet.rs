//! Cells of tables that people open in a spreadsheet.

use std::borrow::Cow;

/// A cell that spreadsheets show as it is: what begins like a formula they would run.
pub fn defused(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_like_a_formula_is_text() {
        for cell in ["=1+1", "+43", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(defused(cell), format!("'{cell}"));
        }
        for cell in ["", "Ada", "a=b", " =1", "1-2"] {
            assert_eq!(defused(cell), cell);
        }
    }
}
