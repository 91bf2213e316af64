// Follows live events in the terminal until Ctrl-C: node tail.mjs URL [CHANNEL]

import { connect, isCometdError } from "cometd-edge";

const [url, channel = "/orders/**"] = process.argv.slice(2);
if (!url) {
  console.error("usage: node tail.mjs URL [CHANNEL]");
  process.exit(2);
}

const styled = process.stdout.isTTY && !process.env.NO_COLOR;
const style = (code) => (text) => (styled ? `\u001b[${code}m${text}\u001b[0m` : text);
const [bold, dim, red, green, yellow] = [1, 2, 31, 32, 33].map(style);

const seen = { events: 0, retries: 0, gaps: 0 };
const began = performance.now();

// The first signal closes the client, whatever it is doing; a second one ends the program, as it does by default.
const interrupted = new AbortController();
const interrupt = () => interrupted.abort();
process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
process.stdout.on("error", interrupt); // nobody reads any longer

let client;
try {
  mark(dim, `connecting to ${url}`);
  client = await connect({ url, signal: interrupted.signal });
  mark(green, client.state);
  await Promise.all([followStatus(), followEvents()]);
} catch (error) {
  if (!interrupted.signal.aborted) fail(error);
}
// The server has been told, and nothing is left that would keep the program alive.
await client?.closed;

const counts = `events: ${seen.events}, retries: ${seen.retries}, gaps: ${seen.gaps}`;
mark(bold, `closed after ${seconds(performance.now() - began)}; ${counts}`);

async function followEvents() {
  for await (const event of await client.subscribe(channel)) {
    seen.events += 1;
    console.log(line(event));
  }
}

async function followStatus() {
  for await (const status of client.status()) {
    if (status.type === "retry") seen.retries += 1;
    if (status.type === "gap") seen.gaps += 1;
    mark(...describe(status));
  }
}

function line({ channel: name, data }) {
  if (data?.orderId === undefined) return `${dim(name)}  ${JSON.stringify(data)}`;
  const { n, orderId, customer, amount, status, publishedAt } = data;
  const columns = [
    dim(String(n).padStart(6)),
    bold(orderId),
    String(customer).padEnd(16),
    Number(amount).toFixed(2).padStart(9),
    String(status).padEnd(8),
    dim(seconds(Date.now() - publishedAt)),
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
      return [red, `gap: ${status.channel} since ${new Date(status.since).toLocaleTimeString()} (${status.cause})`];
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
