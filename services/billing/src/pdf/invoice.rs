//! An invoice on paper.

use super::sheet::{LEFT, RIGHT, Sheets, Style};
use crate::convert::document::{Document, DocumentLine, Party};

/// From the left: where columns of numbers end.
const QUANTITY: f32 = RIGHT - 190.0;
const PRICE: f32 = RIGHT - 95.0;

/// How wide descriptions are.
const DESCRIPTION: f32 = QUANTITY - 55.0 - LEFT;

/// Between two lines of the table.
const GAP: f32 = 5.0;

/// Where what stands beside totals begins.
const TOTALS: f32 = RIGHT - 230.0;

/// An invoice as a PDF.
pub(crate) fn invoice(shown: &Document) -> anyhow::Result<Vec<u8>> {
    set(shown).finish(&shown.number, &shown.seller.name, &shown.footer)
}

fn set(shown: &Document) -> Sheets {
    let mut sheets = Sheets::new();
    head(&mut sheets, shown);
    table(&mut sheets, &shown.lines);
    totals(&mut sheets, shown);
    if !shown.memo.is_empty() {
        sheets.y += 24.0;
        paragraph(&mut sheets, &shown.memo);
    }
    sheets
}

fn head(sheets: &mut Sheets, shown: &Document) {
    let top = sheets.y;
    sheets.text(LEFT, Style::TITLE, "Invoice");
    party(sheets, &shown.seller, Side::Right);
    let below = sheets.y.max(top + Style::TITLE.line()) + 28.0;
    sheets.y = below;
    sheets.text(LEFT, Style::SMALL, "Billed to");
    sheets.y += Style::BODY.line();
    party(sheets, &shown.bill_to, Side::Left);
    let end = sheets.y;
    sheets.y = below;
    for (label, value) in [("Number", &shown.number), ("Date", &shown.issued_on), ("Due", &shown.due_on)] {
        sheets.text(TOTALS, Style { gray: 105, ..Style::BODY }, label);
        sheets.text_right(RIGHT, Style::BODY, value);
        sheets.y += Style::BODY.line() + 2.0;
    }
    sheets.y = sheets.y.max(end) + 24.0;
}

/// Which side of the paper.
enum Side {
    Left,
    Right,
}

fn party(sheets: &mut Sheets, who: &Party, side: Side) {
    let rest = who.address.iter().chain(Some(&who.tax_id).filter(|id| !id.is_empty()));
    let lines = [(&who.name, Style::STRONG)].into_iter().chain(rest.map(|line| (line, Style::BODY)));
    for (line, style) in lines {
        for line in style.weight.face().wrap(line, style.size, 230.0) {
            match side {
                Side::Left => sheets.text(LEFT, style, &line),
                Side::Right => sheets.text_right(RIGHT, style, &line),
            }
            sheets.y += style.line();
        }
    }
}

fn table(sheets: &mut Sheets, lines: &[DocumentLine]) {
    table_head(sheets);
    for line in lines {
        let mut texts: Vec<(Style, String)> = Vec::new();
        let wrap = |style: Style, text: &str| {
            let lines = style.weight.face().wrap(text, style.size, DESCRIPTION);
            lines.into_iter().map(move |line| (style, line))
        };
        texts.extend(wrap(Style::BODY, &line.description));
        texts.extend(line.discount.iter().flat_map(|off| wrap(Style::SMALL, &format!("less {off}"))));
        texts.extend(line.tax.iter().flat_map(|tax| wrap(Style::SMALL, tax)));
        let height: f32 = texts.iter().map(|(style, _)| style.line()).sum();
        if sheets.keep(height + 2.0 * GAP) {
            table_head(sheets);
        }
        sheets.y += GAP;
        sheets.text_right(QUANTITY, Style::BODY, &line.quantity);
        sheets.text_right(PRICE, Style::BODY, &line.unit_price);
        sheets.text_right(RIGHT, Style::BODY, &line.amount);
        for (style, text) in texts {
            sheets.text(LEFT, style, &text);
            sheets.y += style.line();
        }
        sheets.y += GAP;
    }
    sheets.rule(LEFT);
    sheets.y += 10.0;
}

fn table_head(sheets: &mut Sheets) {
    sheets.rule(LEFT);
    sheets.y += GAP;
    sheets.text(LEFT, Style::STRONG, "For");
    sheets.text_right(QUANTITY, Style::STRONG, "Quantity");
    sheets.text_right(PRICE, Style::STRONG, "Price");
    sheets.text_right(RIGHT, Style::STRONG, "Amount");
    sheets.y += Style::STRONG.line() + GAP;
    sheets.rule(LEFT);
}

fn totals(sheets: &mut Sheets, shown: &Document) {
    let gray = Style { gray: 105, ..Style::BODY };
    let mut rows: Vec<(Style, String, String)> =
        vec![(Style::BODY, "Subtotal".into(), shown.subtotal.clone())];
    rows.extend(shown.taxes.iter().map(|tax| match tax.is_inclusive {
        true => (gray, format!("of that {} on {}", tax.label, tax.base), tax.amount.clone()),
        false => (Style::BODY, format!("{} on {}", tax.label, tax.base), tax.amount.clone()),
    }));
    rows.push((Style::STRONG, "Total".into(), shown.total.clone()));
    let less = |label: &str, amount: &str| (Style::BODY, label.to_owned(), format!("−{amount}"));
    rows.extend(shown.credited.iter().map(|amount| less("Credited", amount)));
    rows.extend(shown.paid.iter().map(|amount| less("Paid", amount)));
    rows.push((Style::STRONG, "To pay".into(), shown.owed.clone()));
    sheets.keep(rows.len() as f32 * (Style::BODY.line() + 3.0));
    for (style, label, amount) in rows {
        sheets.text(TOTALS, style, &label);
        sheets.text_right(RIGHT, style, &amount);
        sheets.y += style.line() + 3.0;
    }
}

fn paragraph(sheets: &mut Sheets, text: &str) {
    let style = Style::BODY;
    for line in text.lines().flat_map(|line| style.weight.face().wrap(line, style.size, RIGHT - LEFT)) {
        sheets.keep(style.line());
        sheets.text(LEFT, style, &line);
        sheets.y += style.line();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::document::DocumentTax;

    fn shown(lines: usize) -> Document {
        let party = |name: &str| Party {
            name: name.into(),
            address: vec!["Hauptplatz 1".into(), "4020 Linz".into()],
            tax_id: "ATU12345678".into(),
        };
        let line = |number| DocumentLine {
            description: format!(
                "Рабочее место № {number} у окна, 2026-12-24 09:00–11:00, with a second line"
            ),
            quantity: "1.5".into(),
            unit_price: "19.99 EUR".into(),
            discount: Some("3.00 EUR".into()),
            amount: "26.99 EUR".into(),
            tax: Some("VAT 20%".into()),
        };
        Document {
            number: "INV-00012".into(),
            issued_on: "2026-12-24".into(),
            due_on: "2027-01-07".into(),
            seller: party("Demo Space GmbH"),
            footer: "Bank: AT61 1904 3002 3457 3201".into(),
            bill_to: party("Ada Lovelace"),
            lines: (1..=lines).map(line).collect(),
            taxes: vec![
                DocumentTax {
                    label: "VAT 20%".into(),
                    base: "26.99 EUR".into(),
                    amount: "5.40 EUR".into(),
                    is_inclusive: false,
                },
                DocumentTax {
                    label: "City tax 3.2%".into(),
                    base: "26.99 EUR".into(),
                    amount: "0.86 EUR".into(),
                    is_inclusive: true,
                },
            ],
            subtotal: "26.99 EUR".into(),
            total: "32.39 EUR".into(),
            credited: Some("1.00 EUR".into()),
            paid: Some("30.00 EUR".into()),
            owed: "1.39 EUR".into(),
            memo: "Thank you.".into(),
        }
    }

    #[test]
    fn lines_that_do_not_fit_go_on_on_the_next_sheet() {
        for (lines, sheets) in [(1, 1), (10, 2), (25, 3), (60, 6)] {
            let shown = shown(lines);
            assert_eq!(set(&shown).count(), sheets, "{lines}");
            assert!(invoice(&shown).unwrap().starts_with(b"%PDF-1."));
        }
    }
}
