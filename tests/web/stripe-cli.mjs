// Has Stripe's own command-line tool trigger events by the fixtures that it brings along.
// Environment: STRIPE (http://host:port, a path before /v1 behind it), SECRET_KEY. Prints for each event as JSON whether
// the account was told of it, or what the tool said.
import { execFile } from "node:child_process";
import { mkdtemp } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

const { STRIPE, SECRET_KEY } = process.env;
const EVENTS = [
  "charge.dispute.created",
  "charge.refunded",
  "customer.deleted",
  "payment_intent.canceled",
  "payment_intent.payment_failed",
  "payment_intent.succeeded",
  "payment_method.attached",
  "setup_intent.succeeded",
];

// The tool takes a host, not a path: all that comes here goes below the path.
const below = http.createServer((request, response) => {
  const { method, headers, url } = request;
  const onward = http.request(`${STRIPE}${url}`, { method, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.on("error", () => response.destroy());
  request.pipe(onward);
});
await new Promise((resolve) => below.listen(0, "127.0.0.1", resolve));
const base = `http://127.0.0.1:${below.address().port}`;
const home = await mkdtemp(join(tmpdir(), "stripe-cli-"));

function trigger(event) {
  const options = ["trigger", event, "--api-base", base, "--api-key", SECRET_KEY];
  return new Promise((resolve) => {
    const env = { ...process.env, HOME: home, XDG_CONFIG_HOME: home };
    execFile("node_modules/.bin/stripe", options, { env }, (error, stdout, stderr) =>
      resolve(error ? `${stdout}${stderr}` : "done"),
    );
  });
}

const came = {};
for (const event of EVENTS) {
  const said = await trigger(event);
  const headers = { authorization: `Bearer ${SECRET_KEY}` };
  const list = await (await fetch(`${STRIPE}/v1/events?type=${event}`, { headers })).json();
  came[event] = said === "done" && list.data.length > 0 ? "told" : said;
}
below.close();
console.log(JSON.stringify(came));
