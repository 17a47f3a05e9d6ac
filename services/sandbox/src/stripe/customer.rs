//! Customers (Stripe API reference, Customers).

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::book::{Book, new_id};
use super::call::Call;
use super::list::Page;
use super::params::{Metadata, Params};
use super::payment_method;
use super::refusal::Refusal;
use super::shelf::Object;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Customer {
    pub id: String,
    pub created: i64,
    pub is_live: bool,
    pub is_deleted: bool,
    pub email: Option<String>,
    pub name: Option<String>,
    pub phone: Option<String>,
    pub description: Option<String>,
    pub address: Value,
    pub shipping: Value,
    pub tax_exempt: String,
    pub default_payment_method: Option<String>,
    pub metadata: Metadata,
}

impl Object for Customer {
    const KIND: &'static str = "customer";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn json(&self) -> Value {
        if self.is_deleted {
            return json!({ "id": self.id, "object": "customer", "deleted": true });
        }
        json!({
            "id": self.id,
            "object": "customer",
            "address": self.address,
            "balance": 0,
            "created": self.created,
            "currency": null,
            "default_source": null,
            "delinquent": false,
            "description": self.description,
            "email": self.email,
            "invoice_settings": { "default_payment_method": self.default_payment_method, "footer": null },
            "livemode": self.is_live,
            "metadata": self.metadata,
            "name": self.name,
            "phone": self.phone,
            "preferred_locales": [],
            "shipping": self.shipping,
            "tax_exempt": self.tax_exempt,
        })
    }
}

/// Refuses a customer who is not there, or not any more.
pub(super) fn find<'a>(book: &'a Book, id: &str) -> Result<&'a Customer, Refusal> {
    let customer = Book::find(&book.customers, id, "customer")?;
    if customer.is_deleted {
        return Err(Refusal::NoSuch { kind: Customer::KIND, id: id.to_owned(), param: "customer" });
    }
    Ok(customer)
}

pub(super) fn create(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let mut customer = Customer {
        id: new_id("cus"),
        created: call.now.timestamp(),
        is_live: call.book.is_live,
        is_deleted: false,
        email: None,
        name: None,
        phone: None,
        description: None,
        address: Value::Null,
        shipping: Value::Null,
        tax_exempt: "none".to_owned(),
        default_payment_method: None,
        metadata: Metadata::new(),
    };
    let method = call.params.filled("payment_method")?;
    change(&mut customer, &mut call.params)?;
    call.params.done()?;
    if let Some(method) = method {
        payment_method::attach_to(call.book, &method, &customer.id, call.now)?;
    }
    let shown = customer.json();
    call.book.customers.add(customer);
    call.book.tell("customer.created", shown.clone(), call.now);
    Ok(shown)
}

fn change(customer: &mut Customer, params: &mut Params) -> Result<(), Refusal> {
    for (field, name) in [
        (&mut customer.email, "email"),
        (&mut customer.name, "name"),
        (&mut customer.phone, "phone"),
        (&mut customer.description, "description"),
    ] {
        if let Some(text) = params.text(name)? {
            *field = Some(text).filter(|text| !text.is_empty());
        }
    }
    for (field, name) in [(&mut customer.address, "address"), (&mut customer.shipping, "shipping")] {
        if let Some(value) = params.value(name) {
            *field = value;
        }
    }
    if let Some(tax_exempt) = params.one_of("tax_exempt", &["none", "exempt", "reverse"])? {
        customer.tax_exempt = tax_exempt;
    }
    params.list("preferred_locales")?;
    if let Some(mut settings) = params.within("invoice_settings")? {
        if let Some(method) = settings.text("default_payment_method")? {
            customer.default_payment_method = Some(method).filter(|method| !method.is_empty());
        }
        settings.done()?;
    }
    params.metadata(&mut customer.metadata)
}

pub(super) fn show(call: &mut Call<'_>) -> Result<Value, Refusal> {
    call.params.done()?;
    Ok(Book::find(&call.book.customers, call.id, "id")?.json())
}

pub(super) fn update(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let mut customer = find(call.book, call.id)?.clone();
    change(&mut customer, &mut call.params)?;
    call.params.done()?;
    if let Some(method) = &customer.default_payment_method {
        let method =
            Book::find(&call.book.payment_methods, method, "invoice_settings[default_payment_method]")?;
        if method.customer.as_ref() != Some(&customer.id) {
            let param = "invoice_settings[default_payment_method]".to_owned();
            return Err(Refusal::invalid(param, "The customer does not have this payment method"));
        }
    }
    let shown = customer.json();
    if let Some(known) = call.book.customers.get_mut(call.id) {
        *known = customer;
    }
    call.book.tell("customer.updated", shown.clone(), call.now);
    Ok(shown)
}

/// Its payment methods are detached.
pub(super) fn delete(call: &mut Call<'_>) -> Result<Value, Refusal> {
    call.params.done()?;
    let before = find(call.book, call.id)?.json();
    let held: Vec<String> = held(call.book, call.id).map(|method| method.id.clone()).collect();
    held.iter().for_each(|method| payment_method::detach_from(call.book, method, call.now));
    let Some(customer) = call.book.customers.get_mut(call.id) else { return Err(Refusal::Internal) };
    customer.is_deleted = true;
    let shown = customer.json();
    call.book.tell("customer.deleted", before, call.now);
    Ok(shown)
}

fn held<'a>(book: &'a Book, id: &'a str) -> impl Iterator<Item = &'a payment_method::PaymentMethod> {
    book.payment_methods.all().iter().filter(move |method| method.customer.as_deref() == Some(id))
}

pub(super) fn list(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let page = Page::read(&mut call.params)?;
    let email = call.params.filled("email")?;
    call.params.done()?;
    page.of(&call.book.customers, "/v1/customers", |customer| {
        !customer.is_deleted && email.as_ref().is_none_or(|email| customer.email.as_ref() == Some(email))
    })
}

/// `GET /v1/customers/{id}/payment_methods`.
pub(super) fn list_payment_methods(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let page = Page::read(&mut call.params)?;
    let kind = call.params.filled("type")?;
    call.params.done()?;
    find(call.book, call.id)?;
    let url = format!("/v1/customers/{}/payment_methods", call.id);
    page.of(&call.book.payment_methods, &url, |method| {
        method.customer.as_deref() == Some(call.id)
            && kind.as_ref().is_none_or(|kind| method.kind.name() == kind)
    })
}
