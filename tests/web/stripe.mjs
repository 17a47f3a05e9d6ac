// Uses an account as a shop's server does, with Stripe's own library, and takes its webhooks.
// Environment: STRIPE (http://host:port, a path before /v1 behind it), SECRET_KEY. Prints what came of it as JSON.
import http from "node:http";
import Stripe from "stripe";

const { STRIPE, SECRET_KEY } = process.env;
const { hostname, port, pathname } = new URL(STRIPE);

/** The library's own client, below a path. */
class Below extends Stripe.HttpClient {
  inner = Stripe.createNodeHttpClient();
  getClientName() {
    return "below";
  }
  makeRequest(host, port, path, ...rest) {
    return this.inner.makeRequest(host, port, `${pathname}${path}`, ...rest);
  }
}

const stripe = new Stripe(SECRET_KEY, {
  host: hostname,
  port,
  protocol: "http",
  httpClient: new Below(),
  maxNetworkRetries: 2,
  telemetry: false,
});

// A receiver that checks what it gets.
let secret;
const verified = [];
const waiting = [];
const receiver = http.createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const event = stripe.webhooks.constructEvent(Buffer.concat(chunks), request.headers["stripe-signature"], secret);
    verified.push(event.type);
    response.end();
    waiting.splice(0).forEach((wake) => wake());
  });
});
await new Promise((resolve) => receiver.listen(0, "127.0.0.1", resolve));
const endpoint = await stripe.webhookEndpoints.create({
  url: `http://127.0.0.1:${receiver.address().port}/`,
  enabled_events: ["payment_intent.succeeded", "refund.created"],
});
secret = endpoint.secret;

// Saves a card, charges it twice with one idempotency key, refunds a part.
const customer = await stripe.customers.create({ email: "ana@example.com", metadata: { person: "people/1" } });
const setup = await stripe.setupIntents.create({
  customer: customer.id,
  payment_method: "pm_card_visa",
  payment_method_types: ["card"],
  confirm: true,
});
const payment = {
  amount: 1099,
  currency: "usd",
  customer: customer.id,
  payment_method: setup.payment_method,
  off_session: true,
  confirm: true,
  metadata: { booking: "bookings/1" },
  expand: ["latest_charge"],
};
const paid = await stripe.paymentIntents.create(payment, { idempotencyKey: "charge-1" });
const again = await stripe.paymentIntents.create(payment, { idempotencyKey: "charge-1" });
const refund = await stripe.refunds.create({ payment_intent: paid.id, amount: 99 });

// A decline is an error with the intent inside.
const declined = await stripe.paymentIntents
  .create({ ...payment, payment_method: "pm_card_chargeDeclinedInsufficientFunds" })
  .catch((error) => error);

// A bank account.
const debit = await stripe.paymentIntents.create({
  amount: 5000,
  currency: "usd",
  customer: customer.id,
  payment_method: "pm_usBankAccount_success",
  payment_method_types: ["us_bank_account"],
  mandate_data: { customer_acceptance: { type: "offline", offline: {} } },
  confirm: true,
});

// Pages of lists follow one another.
for (let n = 0; n < 4; n++) await stripe.customers.create({ name: `Customer ${n}` });
const customers = [];
for await (const row of stripe.customers.list({ limit: 2 })) customers.push(row.id);

while (verified.length < 2) await new Promise((resolve) => waiting.push(resolve));
receiver.close();
console.log(
  JSON.stringify({
    paid: paid.status,
    charge: paid.latest_charge.status,
    isSame: paid.id === again.id,
    refunded: refund.amount,
    declined: [declined.type, declined.decline_code, declined.payment_intent?.status],
    debit: debit.status,
    customers: customers.length,
    verified: verified.sort(),
  }),
);
