// A live view of the sandbox's orders. It is served by the sandbox, whose Bayeux and control addresses share its origin.

import { connect, isCometdError } from "cometd-edge";
import { Ledger } from "./ledger.js";
import { element, Log, Orders, time } from "./view.js";

const CHANNEL = "/orders/new";
const DOWN_MS = 3_000;
const COUNT_EVERY_MS = 1_000;
/** Less patient than the default, since somebody is watching. */
const RETRY = { initialDelayMs: 500, factor: 2, maxDelayMs: 2_000 };

const CAUSES = {
  "response-lost": "a response was lost on the way",
  "session-lost": "the server forgot the session",
  undecodable: "a response could not be decoded",
  "event-too-large": "a message was too large",
};

const ledger = new Ledger();
const orders = new Orders();
const log = new Log();

/** The `gap` status that the next order will explain. */
let openGap;
let client;

addEventListener("error", (event) => showProblem(event.error ?? event.message));
addEventListener("unhandledrejection", (event) => showProblem(event.reason));
element("dismiss").addEventListener("click", () => (element("problems").hidden = true));

element("cut").addEventListener("click", (event) =>
  press(event.target, async () => {
    log.add("you", `Cut the network for ${DOWN_MS / 1_000} seconds.`);
    await control("POST", "cut", { downMs: DOWN_MS });
  }),
);
element("forget").addEventListener("click", (event) =>
  press(event.target, async () => {
    log.add("you", "Make the server forget all its sessions.");
    await control("POST", "forget");
  }),
);

// The server is told, and a page that comes back out of the browser's cache begins anew.
addEventListener("pagehide", () => void client?.close());
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

await run().catch(showProblem);

async function run() {
  showState("handshaking");
  try {
    client = await connect({ url: new URL("cometd", location.href), retry: RETRY });
  } catch (error) {
    showState("closed");
    throw error;
  }
  showState(client.state);
  void watch(client.status()).catch(showProblem);
  const subscription = await client.subscribe(CHANNEL);
  void read(subscription).catch(showProblem);
  for (const button of document.querySelectorAll(".actions button")) button.disabled = false;
  await count();
  const error = await client.closed;
  if (error) throw error;
}

/** Whole batches, so that orders which arrived together are entered and shown together. */
async function read(subscription) {
  for await (const events of subscription.batches()) {
    const arrived = Date.now();
    orders.add(events.flatMap((event) => enter(event.data, arrived)));
    showCounters();
  }
}

/** Enters an order into the ledger, and returns what the table shows of it, if anything. */
function enter(order, arrived) {
  if (!Number.isSafeInteger(order?.n)) {
    log.add("not-an-order", `An event without a running number: ${JSON.stringify(order)}.`);
    return [];
  }
  const { duplicate, lost } = ledger.arrived(order.n);
  if (!duplicate) explain(lost);
  return { ...order, latencyMs: Math.max(0, arrived - order.publishedAt), duplicate, lost };
}

/** Says at the `gap` status what it was about: the first order after it shows which ones are missing. */
function explain(lost) {
  if (openGap) {
    log.note(openGap, lost ? `Lost: ${range(lost)}.` : "None is missing: the next order follows the last.");
    openGap.dataset.lost = lost ? `${lost.first}-${lost.last}` : "none";
    openGap = undefined;
  } else if (lost) {
    log.add("unexplained", `Lost without a gap status: ${range(lost)}.`);
  }
}

async function watch(statuses) {
  for await (const status of statuses) {
    if (status.type === "state") showState(status.state);
    const entry = log.add(status.type, describe(status));
    if (status.type === "gap") {
      log.note(entry, "The next order will show which, if any.");
      openGap = entry;
    }
  }
}

function describe(status) {
  switch (status.type) {
    case "state":
      return `The client is ${status.state}.${status.state === "closed" ? " Reload the page to connect again." : ""}`;
    case "gap":
      return `Events on ${status.channel} since ${time(status.since)} may be missing: ${CAUSES[status.cause] ?? status.cause}.`;
    case "retry":
      return `Attempt ${status.attempt} failed (${status.error.message}); the next ${inSeconds(status.delayMs)}.`;
    case "backpressure":
      return status.active
        ? `${status.channel} is not read: ${status.queuedEvents} events wait, and no more are fetched.`
        : "Events are fetched again.";
    case "subscribe-failed":
      return `The server refused ${status.channel}: ${status.error.message}.`;
    case "multiple-clients":
      return `The server makes the clients of this browser take turns of ${inSeconds(status.intervalMs)}.`;
    case "message-skipped":
      return `A message on ${status.channel ?? "an unknown channel"} was passed over: ${status.reason}.`;
    case "callback-failed":
      return `${status.where} threw: ${String(status.error)}.`;
    default:
      return JSON.stringify(status);
  }
}

function inSeconds(ms) {
  return ms === 0 ? "at once" : `in ${(ms / 1_000).toFixed(1)} s`;
}

function range({ first, last }) {
  return first === last ? `1 order, n = ${first}` : `${last - first + 1} orders, n = ${first} to ${last}`;
}

/** Follows how many orders the server has published, for as long as the page lives. */
async function count() {
  const published = async () => (await control("GET", "stats")).published[CHANNEL] ?? 0;
  ledger.opened(await published());
  showCounters();
  let failed = false;
  const again = async () => {
    try {
      ledger.counted(await published());
      failed = false;
    } catch (error) {
      if (!failed) showProblem(error);
      failed = true;
    }
    showCounters();
    setTimeout(again, COUNT_EVERY_MS);
  };
  setTimeout(again, COUNT_EVERY_MS);
}

/** One request to the sandbox's control API, which no cut affects. */
async function control(method, action, body) {
  const init = { method, ...(body && { body: JSON.stringify(body) }) };
  let response;
  try {
    response = await fetch(new URL(`sandbox/${action}`, location.href), init);
  } catch (cause) {
    throw new Error("The sandbox cannot be reached: is it still running?", { cause });
  }
  if (!response.ok) throw new Error(`The sandbox refused ${action}: ${await response.text()}`);
  return response.json();
}

/** Not twice at once, and never without a word. */
async function press(button, action) {
  if (button.ariaDisabled === "true") return;
  button.ariaDisabled = "true";
  try {
    await action();
  } catch (error) {
    showProblem(error);
  }
  button.ariaDisabled = "false";
}

function showState(state) {
  const badge = element("state");
  if (badge.dataset.state === state) return;
  badge.dataset.state = state;
  badge.textContent = state;
  element("since").textContent = time(Date.now());
}

function showCounters() {
  for (const name of ["published", "delivered", "waiting", "lost", "duplicates"]) {
    const cell = element(name);
    cell.textContent = ledger[name];
    cell.classList.toggle("some", ledger[name] > 0);
  }
}

/** One failure may end several things at once; it is shown once. */
function showProblem(problem) {
  const text = isCometdError(problem) ? `${problem.code}: ${problem.message}` : String(problem?.message ?? problem);
  const shown = element("problem");
  if (!element("problems").hidden && shown.textContent === text) return;
  shown.textContent = text;
  element("problems").hidden = false;
  log.add("problem", text);
}
