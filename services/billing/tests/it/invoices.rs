//! Invoices: written, sent out, paid, credited, called off; and what is refused.

use domain::{EventId, PersonId};
use proto::billing::v1 as pb;
use proto::billing::v1::InvoiceState;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::desk::{Desk, eur, line, settings, vat};

fn amounts(invoice: &pb::Invoice) -> [i64; 5] {
    let amounts = [&invoice.subtotal, &invoice.total, &invoice.credited, &invoice.paid, &invoice.owed];
    amounts.map(|amount| amount.as_ref().unwrap().minor_units)
}

fn fields(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let violations = details.bad_request().map(|it| it.field_violations.clone()).unwrap_or_default();
    violations.into_iter().map(|violation| violation.field).collect()
}

fn reason(status: &Status) -> String {
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoice_is_written_sent_out_and_paid_in_parts() {
    let desk = Desk::open().await;
    let mut taxed = line("Meeting room", "1.5", 3_000);
    taxed.tax = Some(vat("20", false));
    let draft = desk.create(desk.draft(vec![taxed.clone(), line("Coffee", "3", 250)])).await.unwrap();
    assert_eq!((draft.state(), draft.number.as_str()), (InvoiceState::Draft, ""));
    assert_eq!(amounts(&draft), [5_250, 6_150, 0, 0, 0]);

    taxed.quantity = "2".into();
    let rewritten = pb::Invoice { name: draft.name.clone(), ..desk.draft(vec![taxed]) };
    let request = pb::UpdateInvoiceRequest { invoice: Some(rewritten.clone()), request_id: String::new() };
    let draft = desk.invoices().update_invoice(request).await.unwrap().into_inner().invoice.unwrap();
    assert_eq!(amounts(&draft), [6_000, 7_200, 0, 0, 0]);

    let out = desk.finalise(&draft.name).await.unwrap();
    assert_eq!((out.state(), out.number.as_str()), (InvoiceState::Open, "INV-00001"));
    assert_eq!((out.issue_date.as_str(), out.due_date.as_str()), ("2026-12-01", "2026-12-15"));
    assert_eq!(desk.finalise(&draft.name).await.unwrap(), out, "twice is once");
    let request = pb::UpdateInvoiceRequest { invoice: Some(rewritten), request_id: String::new() };
    let refused = desk.invoices().update_invoice(request).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "INVOICE_FINALISED"));

    let part = desk.pay(&out.name, 2_000, "a").await.unwrap();
    assert_eq!(
        (part.state(), amounts(&part)),
        (InvoiceState::PartiallyPaid, [6_000, 7_200, 0, 2_000, 5_200])
    );
    assert_eq!(desk.pay(&out.name, 2_000, "a").await.unwrap(), part, "the same key is the same money");
    let paid = desk.pay(&out.name, 5_200, "b").await.unwrap();
    assert_eq!((paid.state(), amounts(&paid)), (InvoiceState::Paid, [6_000, 7_200, 0, 7_200, 0]));
    assert_eq!(desk.told().await, ["invoice_finalised", "invoice_paid"]);
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_paid_too_much_or_credited_pays_for_what_comes_next() {
    let desk = Desk::open().await;
    let first = desk.raise(vec![line("Desk", "1", 10_000)]).await;
    desk.pay(&first.name, 12_000, "too much").await.unwrap();
    let second = desk.raise(vec![line("Desk", "1", 5_000)]).await;
    assert_eq!((second.state(), amounts(&second)[4]), (InvoiceState::PartiallyPaid, 3_000));
    let mut taxed = line("Desk", "1", 1_000);
    taxed.tax = Some(vat("19", true));
    let third = desk.raise(vec![taxed]).await;
    desk.pay(&third.name, 1_000, "third").await.unwrap();
    let notes = [desk.credit(&third.name, 333).await.unwrap(), desk.credit(&third.name, 667).await.unwrap()];
    let shown = notes.map(|note| (note.number, note.tax_amount.unwrap().minor_units));
    // 160 in all, whatever the parts.
    assert_eq!(shown, [("CN-00001".into(), 53), ("CN-00002".into(), 107)]);
    let request = pb::ApplyCreditRequest { name: second.name.clone() };
    let second = desk.invoices_as(desk.person).apply_credit(request).await.unwrap().into_inner();
    assert_eq!(amounts(&second.invoice.unwrap()), [5_000, 5_000, 0, 3_000, 2_000]);
    let refused = desk.credit(&third.name, 1).await.unwrap_err();
    assert_eq!((refused.code(), fields(&refused)), (Code::InvalidArgument, vec!["amount".into()]));
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_have_no_gaps_whoever_is_called_off_or_comes_at_the_same_time() {
    let desk = Desk::open().await;
    let mut drafts = Vec::new();
    for _ in 0..6 {
        drafts.push(desk.create(desk.draft(vec![line("Desk", "1", 100)])).await.unwrap().name);
    }
    let gone = drafts.pop().unwrap();
    desk.invoices().delete_invoice(pb::DeleteInvoiceRequest { name: gone.clone() }).await.unwrap();
    assert_eq!(desk.finalise(&gone).await.unwrap_err().code(), Code::NotFound);
    let all = futures::future::join_all(drafts.iter().map(|name| desk.finalise(name))).await;
    let mut numbers: Vec<String> = all.into_iter().map(|invoice| invoice.unwrap().number).collect();
    numbers.sort_unstable();
    let wanted: Vec<String> = (1..=5).map(|number| format!("INV-{number:05}")).collect();
    assert_eq!(numbers, wanted);
    let void = desk.invoices().void_invoice(pb::VoidInvoiceRequest { name: drafts[0].clone() }).await;
    assert_eq!(void.unwrap().into_inner().invoice.unwrap().state(), InvoiceState::Void);
    let delete = pb::DeleteInvoiceRequest { name: drafts[0].clone() };
    assert_eq!(reason(&desk.invoices().delete_invoice(delete).await.unwrap_err()), "INVOICE_FINALISED");
    assert_eq!(desk.raise(vec![line("Desk", "1", 100)]).await.number, "INV-00006");
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_see_their_own_invoices_and_no_drafts() {
    let desk = Desk::open().await;
    let draft = desk.create(desk.draft(vec![line("Desk", "1", 100)])).await.unwrap();
    let out = desk.raise(vec![line("Desk", "1", 100)]).await;
    let get = |person: PersonId, name: &str| {
        let (mut client, name) = (desk.invoices_as(person), name.to_owned());
        async move { client.get_invoice(pb::GetInvoiceRequest { name }).await.map_err(|status| status.code()) }
    };
    assert!(get(desk.person, &out.name).await.is_ok());
    assert_eq!(get(desk.person, &draft.name).await.unwrap_err(), Code::NotFound);
    assert_eq!(get(PersonId::new(), &out.name).await.unwrap_err(), Code::NotFound);
    let list = pb::ListInvoicesRequest {
        parent: desk.world.name(),
        person: desk.person_name(),
        ..Default::default()
    };
    let own = desk.invoices_as(desk.person).list_invoices(list.clone()).await.unwrap().into_inner();
    assert_eq!(own.invoices.iter().map(|it| &it.name).collect::<Vec<_>>(), [&out.name]);
    let others = desk.invoices_as(PersonId::new()).list_invoices(list).await.unwrap_err();
    assert_eq!(others.code(), Code::NotFound);
    let create = pb::CreateInvoiceRequest { parent: desk.world.name(), ..Default::default() };
    let refused = desk.invoices_as(desk.person).create_invoice(create).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_no_sense_is_refused_by_field_and_leaves_the_books_as_they_are() {
    let desk = Desk::closed().await;
    let refused = desk.create(desk.draft(vec![line("Desk", "1", 100)])).await.unwrap_err();
    assert_eq!(reason(&refused), "NO_BILLING_SETTINGS");
    let name = desk.world.name();
    let bad = pb::BillingSettings {
        currency: "euro".into(),
        time_zone: "Linz".into(),
        anchor_day: 32,
        due_days: -1,
        number_prefix: "Rechnung Nr.".into(),
        seller: None,
        ..settings(&name)
    };
    let mut refused = fields(&desk.set(bad).await.unwrap_err());
    refused.sort_unstable();
    let wanted = ["anchor_day", "currency", "due_days", "number_prefix", "seller", "time_zone"];
    assert_eq!(refused, wanted.map(|field| format!("settings.{field}")));
    desk.set(settings(&name)).await.unwrap();

    let mut foreign = line("Desk", "1", 100);
    foreign.unit_price = Some(pb::Money { minor_units: 100, currency: "USD".into() });
    let mut back = line("Desk", "2", -100);
    back.tax = Some(vat("101", false));
    for (lines, wanted) in [
        (vec![], vec!["invoice.lines"]),
        (vec![line("", "0", 100)], vec!["invoice.lines[0].description", "invoice.lines[0].quantity"]),
        (vec![line("Desk", "1", i64::MAX)], vec!["invoice.lines[0].unit_price.minor_units"]),
        (vec![line("Desk", "1", 100), foreign], vec!["invoice.lines[1]"]),
        (vec![back], vec!["invoice.lines[0].tax.percent", "invoice.lines[0].quantity"]),
        (vec![line("Desk", "1", 100), line("Back", "1", -101)], vec!["invoice.lines"]),
        (vec![line("Desk", "1000000", 900_000_000_000_000)], vec!["invoice.lines[0]"]),
    ] {
        let refused = desk.create(desk.draft(lines.clone())).await.unwrap_err();
        assert_eq!(
            (refused.code(), fields(&refused)),
            (Code::InvalidArgument, wanted.iter().map(|it| (*it).to_owned()).collect()),
            "{lines:?}"
        );
    }
    let out = desk.raise(vec![line("Desk", "1", 100)]).await;
    for amount in [0, -1] {
        let refused = desk.pay(&out.name, amount, &EventId::new().to_string()).await.unwrap_err();
        assert_eq!(fields(&refused), ["amount"]);
    }
    assert_eq!(fields(&desk.pay(&out.name, 100, "").await.unwrap_err()), ["request_id"]);
    let dollars = pb::RecordPaymentRequest {
        name: out.name.clone(),
        amount: Some(pb::Money { minor_units: 100, currency: "USD".into() }),
        method: pb::ManualPaymentMethod::Cash.into(),
        request_id: "dollars".into(),
    };
    assert_eq!(fields(&desk.invoices().record_payment(dollars).await.unwrap_err()), ["amount"]);
    assert_eq!(amounts(&desk.get(&out.name).await), [100, 100, 0, 0, 100]);
    let dollars = pb::BillingSettings { currency: "USD".into(), ..settings(&name) };
    assert_eq!(reason(&desk.set(dollars).await.unwrap_err()), "CURRENCY_IN_USE");
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoice_can_be_read_on_paper() {
    let desk = Desk::open().await;
    let mut lines: Vec<pb::InvoiceLine> =
        (1..=60).map(|number| line(&format!("Desk number {number} by the window"), "1.5", 1_999)).collect();
    lines[0].tax = Some(vat("8.875", false));
    let draft = desk.create(desk.draft(lines)).await.unwrap();
    let document = |name: &str| pb::GetInvoiceDocumentRequest { name: name.to_owned() };
    let refused = desk.invoices().get_invoice_document(document(&draft.name)).await.unwrap_err();
    assert_eq!(reason(&refused), "INVOICE_IS_DRAFT");
    let out = desk.finalise(&draft.name).await.unwrap();
    let paper = desk.invoices_as(desk.person).get_invoice_document(document(&out.name)).await.unwrap();
    let paper = paper.into_inner();
    assert_eq!(paper.file_name, "INV-00001.pdf");
    assert!(paper.content.starts_with(b"%PDF-1."));
    let stranger = desk.invoices_as(PersonId::new()).get_invoice_document(document(&out.name)).await;
    assert_eq!(stranger.unwrap_err().code(), Code::NotFound);
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn coupons_make_lines_cheaper_and_never_cheaper_than_nothing() {
    let desk = Desk::open().await;
    let make = |code: &str, discount: pb::coupon::Discount| {
        let coupon = pb::Coupon { code: code.into(), discount: Some(discount), ..Default::default() };
        let request = pb::CreateCouponRequest { parent: desk.world.name(), coupon: Some(coupon) };
        let mut prices = desk.prices();
        async move { prices.create_coupon(request).await.map(|it| it.into_inner().coupon.unwrap()) }
    };
    let tenth = make("summer26", pb::coupon::Discount::Percent("12.5".into())).await.unwrap();
    assert_eq!(tenth.code, "SUMMER26");
    make("FIVE", pb::coupon::Discount::Amount(eur(500))).await.unwrap();
    let again = make("Summer26", pb::coupon::Discount::Percent("1".into())).await.unwrap_err();
    assert_eq!((again.code(), reason(&again).as_str()), (Code::AlreadyExists, "COUPON_TAKEN"));
    for (discount, field) in [
        (pb::coupon::Discount::Percent("0".into()), "coupon.percent"),
        (pb::coupon::Discount::Amount(eur(0)), "coupon.amount"),
    ] {
        assert_eq!(fields(&make("BAD", discount).await.unwrap_err()), [field]);
    }
    let with =
        |code: &str, price: i64| pb::InvoiceLine { coupon_code: code.into(), ..line("Desk", "1", price) };
    let out = desk.raise(vec![with("Summer26", 1_999), with("five", 499), line("Desk", "1", 100)]).await;
    let off: Vec<i64> = out.lines.iter().map(|line| line.discount.as_ref().unwrap().minor_units).collect();
    assert_eq!((off, amounts(&out)[1]), (vec![250, 499, 0], 1_749 + 100));
    let disable = pb::DisableCouponRequest { name: tenth.name.clone() };
    let disabled = desk.prices().disable_coupon(disable).await.unwrap().into_inner().coupon.unwrap();
    assert!(disabled.disable_time.is_some());
    let refused = desk.create(desk.draft(vec![with("SUMMER26", 100)])).await.unwrap_err();
    assert_eq!(fields(&refused), ["invoice.lines[0].coupon_code"]);
    assert_eq!(desk.get(&out.name).await, out, "what is out stays as it is");
    let list = pb::ListCouponsRequest { parent: desk.world.name(), ..Default::default() };
    assert_eq!(desk.prices().list_coupons(list).await.unwrap().into_inner().coupons.len(), 2);
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_credited_is_settled_and_not_told_as_paid() {
    let desk = Desk::open().await;
    let out = desk.raise(vec![line("Desk", "1", 100)]).await;
    desk.credit(&out.name, 100).await.unwrap();
    let settled = desk.get(&out.name).await;
    assert_eq!((settled.state(), amounts(&settled)), (InvoiceState::Paid, [100, 100, 100, 0, 0]));
    assert_eq!(desk.told().await, ["invoice_finalised", "invoice_credited"]);
    let pay = pb::PayInvoiceRequest { name: out.name, in_browser: true };
    let refused = desk.invoices_as(desk.person).pay_invoice(pay).await.unwrap_err();
    assert_eq!(reason(&refused), "NOTHING_OWED");
    desk.close().await;
}
