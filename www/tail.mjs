// Follows the sandbox's orders in the terminal until Ctrl-C: node tail.mjs LOGIN-URL [CHANNEL]

import { isCometdError } from "cometd-edge";
import { connectSalesforce, password } from "cometd-edge/salesforce";
import { kvStore } from "cometd-edge/stores";

const [loginUrl, channel = "/event/Order__e"] = process.argv.slice(2);
if (!loginUrl) {
  console.error("usage: node tail.mjs LOGIN-URL [CHANNEL]");
  process.exit(2);
}

const styled = process.stdout.isTTY && !process.env.NO_COLOR;
const style = (code) => (text) => (styled ? `\u001b[${code}m${text}\u001b[0m` : text);
const [bold, dim, red, green, yellow] = [1, 2, 31, 32, 33].map(style);

/** Where a program would have Redis or a file. */
const saved = new Map();
const store = kvStore({ get: (key) => saved.get(key), put: (key, value) => void saved.set(key, value) });
const auth = password({
  clientId: "sandbox-client",
  clientSecret: "sandbox-secret",
  username: "user@example.com",
  password: "sandbox-password",
});

/** `missing` are the orders whose running number was passed over; where a gap was told, it names them. */
const seen = { orders: 0, doubled: 0, missing: 0, gaps: 0, retries: 0, tokens: 1 };
let last;
const began = performance.now();

// The first signal closes the client, whatever it is doing; a second one ends the program, as it does by default.
const interrupted = new AbortController();
const interrupt = () => interrupted.abort();
process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
process.stdout.on("error", interrupt); // nobody reads any longer

let client;
try {
  mark(dim, `logging in at ${loginUrl}`);
  client = await connectSalesforce({ auth, loginUrl, replay: { store }, signal: interrupted.signal });
  mark(green, `${client.state}, API ${client.apiVersion}`);
  await Promise.all([followStatus(), followOrders()]);
} catch (error) {
  if (!interrupted.signal.aborted) fail(error);
}
// The server has been told, and nothing is left that would keep the program alive.
await client?.closed;

const counts = Object.entries(seen).map(([name, number]) => `${name}: ${number}`);
mark(bold, `closed after ${seconds(performance.now() - began)}; ${counts.join(", ")}`);
for (const [key, position] of saved) mark(bold, `saved as ${key}: ${position}`);

async function followOrders() {
  for await (const event of await client.subscribe(channel)) {
    const order = event.data.payload;
    count(order.N__c);
    console.log(line(event, order));
  }
}

/** Orders carry a running number, which shows what is missing. */
function count(n) {
  seen.orders += 1;
  if (n <= last) seen.doubled += 1;
  if (n > last + 1) {
    seen.missing += n - last - 1;
    mark(red, `missing: ${last + 1} to ${n - 1}`);
  }
  last = Math.max(n, last ?? n);
}

async function followStatus() {
  for await (const status of client.status()) {
    if (status.type === "retry") seen.retries += 1;
    if (status.type === "gap") seen.gaps += 1;
    if (status.type === "reauthenticated") seen.tokens += 1;
    mark(...describe(status));
  }
}

function line({ replayId }, { N__c, OrderId__c, Customer__c, Amount__c, Status__c, PublishedAt__c }) {
  const columns = [
    dim(String(replayId).padStart(8)),
    dim(String(N__c).padStart(6)),
    bold(OrderId__c),
    String(Customer__c).padEnd(16),
    Number(Amount__c).toFixed(2).padStart(9),
    String(Status__c).padEnd(8),
    dim(seconds(Date.now() - PublishedAt__c)),
  ];
  return columns.join("  ");
}

/** How to mark a status, and its words. */
function describe(status) {
  switch (status.type) {
    case "state":
      return [status.state === "connected" ? green : yellow, status.state];
    case "retry":
      return [yellow, `retry ${status.attempt} in ${seconds(status.delayMs)}: ${status.error.message}`];
    case "gap":
      return [red, `gap: ${status.channel} after ${status.after ?? "the beginning"} (${status.cause})`];
    default: {
      const { type, ...rest } = status;
      return [yellow, `${type}: ${JSON.stringify(rest)}`];
    }
  }
}

function mark(paint, text) {
  console.log(paint(`-- ${text}`));
}

function fail(error) {
  process.exitCode = 1;
  console.error(red(isCometdError(error) ? `-- ${error.code}: ${error.message}` : (error?.stack ?? String(error))));
}

function seconds(ms) {
  return ms < 1_000 ? `${Math.max(0, Math.round(ms))} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
