// A live view of an org's orders. The org is the sandbox that serves the page, with its logins and its Bayeux address.

import { isCometdError } from "cometd-edge";
import { connectSalesforce, password } from "cometd-edge/salesforce";
import { control, expirePosition, published } from "./control.js";
import { login, visit } from "./keep.js";
import { Ledger } from "./ledger.js";
import { Positions } from "./positions.js";
import * as view from "./view.js";
import { describe, problem, range } from "./words.js";

const CHANNEL = "/event/Order__e";
/** The app that logs in. Of the sandbox, as everything here; a real page would leave the login to its server. */
const APP = { clientId: "sandbox-client", clientSecret: "sandbox-secret" };
const DOWN_MS = 3_000;
const COUNT_EVERY_MS = 1_000;
/** Less patient than the default, since somebody is watching, and presses buttons. */
const RETRY = { initialDelayMs: 500, factor: 2, maxDelayMs: 2_000, handshakesPerMinute: 60, sessionWindowMs: 2_000 };

const { element } = view;
const orders = new view.Orders();
const log = new view.Log();
const kept = visit.recall();
const database = kept?.database ?? `demo-${crypto.randomUUID()}`;
const positions = new Positions(database, kept?.positions, show);
const tally = { tokens: 0, gaps: 0, retries: 0, reloads: 0, ...kept?.tally };
let client;
/** The entries of `gap` statuses that the next order will explain. */
let openGaps = [];
/** The entries that name missing orders, with their ranges. */
const explained = new Map();

addEventListener("error", (event) => report(event.error ?? event.message));
addEventListener("unhandledrejection", (event) => report(event.reason));
// The server is told, and a page that comes back out of the browser's cache begins anew.
addEventListener("pagehide", () => void client?.close());
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
element("dismiss").addEventListener("click", () => (element("problems").hidden = true));
element("login").addEventListener("submit", (event) => {
  event.preventDefault();
  const { username, password: secret } = Object.fromEntries(new FormData(event.target));
  void press(event.submitter, () => enter({ username, password: secret }));
});

const ACTIONS = {
  async cut() {
    log.add("you", `Cut the network for ${DOWN_MS / 1_000} seconds.`);
    await control("POST", "cut", { downMs: DOWN_MS });
  },
  async forget() {
    log.add("you", "Make the server forget all its sessions.");
    await control("POST", "forget");
  },
  async "expire-token"() {
    log.add("you", "Expire the access token.");
    await control("POST", "expire-token");
  },
  async "expire-position"() {
    log.add("you", "Let the position expire: stay away until the server has dropped some orders after it.");
    await expirePosition(CHANNEL);
  },
  async publish() {
    const order = { OrderId__c: "SO-YOURS", Customer__c: "You", Amount__c: 42, Status__c: "new" };
    const response = await client.request(`/services/data/v${client.apiVersion}/sobjects/Order__e`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(order),
    });
    if (!response.ok) throw new Error(`The order was refused: ${await response.text()}`);
    log.add("you", `Published an order by REST: ${(await response.json()).id}.`);
  },
  reload: () => location.reload(),
  logout() {
    login.forget();
    location.reload();
  },
};
for (const [id, action] of Object.entries(ACTIONS)) {
  element(id).addEventListener("click", (event) => void press(event.currentTarget, action));
}

const credentials = login.recall();
const saved = await positions.resume(CHANNEL);
const ledger = new Ledger(kept?.ledger, saved?.n);
if (saved) log.add("resumed", `Goes on after replay id ${saved.replayId} (n = ${saved.n}), as IndexedDB has it.`);
if (credentials) {
  tally.reloads += 1;
  view.showForm(false);
  show();
  await enter(credentials);
} else {
  view.showForm(true);
}

/** Logs in, and shows what comes. What the login's server answers is shown beside the form. */
async function enter(given) {
  element("refused").textContent = "";
  view.showState("handshaking");
  try {
    client = await connectSalesforce({
      auth: password({ ...APP, ...given }),
      loginUrl: location.origin,
      replay: { store: positions.store },
      retry: RETRY,
    });
  } catch (error) {
    if (isCometdError(error) && error.code === "login-refused") login.forget();
    element("refused").textContent = problem(error);
    view.showForm(true);
    return;
  }
  login.keep(given);
  tally.tokens += 1;
  element("org").textContent = `${given.username} · API ${client.apiVersion}`;
  view.showState(client.state);
  view.showForm(false);
  view.enableActions();
  void follow().catch(report);
}

async function follow() {
  void watch(client.status()).catch(report);
  const subscription = await client.subscribe(CHANNEL);
  void read(subscription).catch(report);
  await count();
  const error = await client.closed;
  if (error) throw error;
}

/** Whole batches, so that orders which arrived together are entered and shown together. */
async function read(subscription) {
  for await (const events of subscription.batches()) {
    const arrived = Date.now();
    orders.add(events.flatMap((event) => receive(event, arrived)));
    // Before the next batch is asked for, which commits this one: what is saved has always been counted.
    show();
  }
}

/** Enters an order into the ledger, and returns what the table shows of it, if anything. */
function receive(event, arrived) {
  const order = event.data?.payload;
  const n = order?.N__c;
  positions.received(event, n, arrived);
  if (!Number.isSafeInteger(n)) {
    log.add("not-an-order", `An event without a running number: ${JSON.stringify(event.data)}.`);
    return [];
  }
  const { came, missing, named } = ledger.arrived(n);
  if (came === "new") explain(missing, named);
  if (came === "late") mend();
  return { ...order, came, missing, latencyMs: Math.max(0, arrived - order.PublishedAt__c) };
}

/** Says at a `gap` status what it was about: the first order after it shows which ones are missing. */
function explain(missing, named) {
  for (const entry of openGaps) {
    if (missing) explained.set(entry, missing);
    noteMissing(entry, missing);
  }
  openGaps = [];
  if (missing && !named) {
    const entry = log.add("unexplained", "Orders are missing without a gap status, or come late.");
    explained.set(entry, missing);
    noteMissing(entry, missing);
  }
}

/** An order that was missing came after all. */
function mend() {
  orders.mend((missing) => ledger.still(missing));
  for (const [entry, missing] of explained) {
    const still = ledger.still(missing);
    if (still) noteMissing(entry, still);
    else if (entry.dataset.type === "gap") noteMissing(entry);
    else entry.remove();
    if (!still) explained.delete(entry);
  }
}

function noteMissing(entry, missing) {
  log.note(entry, missing ? `Missing: ${range(missing)}.` : "None is missing: the next order follows the last.");
  entry.dataset.missing = missing ? `${missing.first}-${missing.last}` : "none";
}

async function watch(statuses) {
  for await (const status of statuses) {
    const entry = log.add(status.type, describe(status));
    if (status.type === "state") view.showState(status.state);
    if (status.type === "reauthenticated") tally.tokens += 1;
    if (status.type === "retry") tally.retries += 1;
    if (status.type === "gap") {
      tally.gaps += 1;
      log.note(entry, "The next order will show which, if any.");
      openGaps.push(entry);
      const missing = ledger.gap(positions.numberAt(status.channel, status.after));
      if (missing) explain(missing, true);
    }
    show();
  }
}

/** Follows how many orders the server has published, for as long as the page lives. */
async function count() {
  ledger.opened(await published(CHANNEL));
  show();
  let failed = false;
  const again = async () => {
    try {
      ledger.counted(await published(CHANNEL));
      failed = false;
    } catch (error) {
      if (!failed) report(error);
      failed = true;
    }
    show();
    setTimeout(again, COUNT_EVERY_MS);
  };
  setTimeout(again, COUNT_EVERY_MS);
}

/** Not twice at once, and never without a word. */
async function press(button, action) {
  if (button.ariaDisabled === "true") return;
  button.ariaDisabled = "true";
  try {
    await action();
  } catch (error) {
    report(error);
  }
  button.ariaDisabled = "false";
}

/** What was counted is kept and shown. */
function show() {
  visit.keep({ database, ledger, positions, tally });
  view.showCounters(ledger, tally);
  view.showPositions(positions.lines);
}

function report(error) {
  const text = problem(error);
  // One failure may end several things at once; it is shown once.
  if (view.showProblem(text)) log.add("problem", text);
}
