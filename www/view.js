// What the page shows: the form, the counters, the positions, the table of orders, the log.

import { time, verdict } from "./words.js";

const MOST_ORDERS = 50;
const MOST_ENTRIES = 200;

const amounts = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });

export const element = (id) => document.getElementById(id);

/** The form to log in, or in its place the orders; the buttons wait until there is a client. */
export function showForm(shown) {
  document.body.dataset.shown = shown ? "login" : "live";
  if (shown) element("password").focus();
}

export function enableActions() {
  for (const button of document.querySelectorAll(".actions button")) button.disabled = false;
}

export function showState(state) {
  const badge = element("state");
  if (badge.dataset.state === state) return;
  badge.dataset.state = state;
  badge.textContent = state;
  element("since").textContent = time(Date.now());
}

const COUNTERS = ["published", "delivered", "waiting", "named", "lost", "again", "doubled"];
const TALLIES = ["tokens", "gaps", "retries", "reloads"];

export function showCounters(ledger, tally) {
  for (const name of COUNTERS) {
    const cell = element(name);
    cell.textContent = ledger[name];
    cell.classList.toggle("some", ledger[name] > 0);
  }
  for (const name of TALLIES) element(name).textContent = tally[name];
  element("verdict").textContent = verdict(ledger);
  element("verdict").classList.toggle("bad", ledger.lost > 0);
}

/** For each channel where it is, and what of that is saved. */
export function showPositions(lines) {
  const rows = lines.flatMap(({ channel, received, saved, unsaved }) => {
    const head = make("th", "", channel);
    head.scope = "rowgroup";
    head.colSpan = 4;
    return [
      make("tr", "", head),
      make("tr", "received", ...positionCells("Received", received)),
      make("tr", "saved", ...positionCells(unsaved > 0 ? `Saved (${unsaved} not yet)` : "Saved", saved)),
    ];
  });
  element("positions").replaceChildren(...rows);
}

function positionCells(name, { replayId = "–", n = "–", at } = {}) {
  const cells = { what: name, "id number": replayId, "n number": String(n), "at number": time(at) };
  return Object.entries(cells).map(([kind, text]) => make("td", kind, text));
}

/** Shows a problem, unless it is shown already. */
export function showProblem(text) {
  const shown = element("problem");
  if (!element("problems").hidden && shown.textContent === text) return false;
  shown.textContent = text;
  element("problems").hidden = false;
  return true;
}

/** A new element with this text or these children. */
function make(name, className, ...children) {
  const made = document.createElement(name);
  made.className = className;
  made.append(...children);
  return made;
}

/** The newest orders, and between them a line for those that are missing. */
export class Orders {
  #body = element("orders");

  /** Adds orders in the order of their arrival. */
  add(orders) {
    element("none-yet").hidden = true;
    const rows = orders
      .slice(-MOST_ORDERS)
      .flatMap((order) => [...(order.missing ? [missingRow(order.missing)] : []), row(order)]);
    this.#body.prepend(...rows.reverse());
    while (this.#body.childElementCount > MOST_ORDERS) this.#body.lastElementChild.remove();
  }

  /** Some that were missing came after all; `still` tells what is left of a range. */
  mend(still) {
    for (const shown of this.#body.querySelectorAll("tr.missing")) {
      const range = still({ first: Number(shown.dataset.first), last: Number(shown.dataset.last) });
      if (range) shown.firstElementChild.textContent = missingText(range);
      else shown.remove();
    }
  }
}

function row(order) {
  const { N__c: n, OrderId__c: id, Customer__c: customer, Amount__c: amount, Status__c: status, came } = order;
  const pill = make("span", "pill", ["new", "late"].includes(came) ? String(status) : `${status} (${came})`);
  pill.dataset.status = status;
  const cells = {
    "n number": String(n),
    order: String(id ?? "–"),
    customer: String(customer ?? "–"),
    "amount number": typeof amount === "number" ? amounts.format(amount) : "–",
    status: pill,
    "latency number": duration(order.latencyMs),
  };
  return tableRow(
    "",
    Object.entries(cells).map(([name, content]) => make("td", name, content)),
  );
}

function missingRow(range) {
  const cell = make("td", "", missingText(range));
  cell.colSpan = 6;
  const made = tableRow("missing", [cell]);
  Object.assign(made.dataset, range);
  return made;
}

function missingText({ first, last }) {
  return first === last ? `Order ${first} is missing` : `Orders ${first} to ${last} are missing`;
}

function tableRow(className, cells) {
  const made = make("tr", className, ...cells);
  for (const cell of cells) cell.role = "cell";
  made.role = "row";
  return made;
}

function duration(ms) {
  if (!Number.isFinite(ms)) return "–";
  return ms < 1_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

/** What happened, newest first. */
export class Log {
  #list = element("log");

  /** Adds an entry of a type, and returns it. */
  add(type, text) {
    const entry = make("li", "", make("time", "", time(Date.now())), make("span", "tag", type), make("p", "", text));
    entry.dataset.type = type;
    this.#list.prepend(entry);
    while (this.#list.childElementCount > MOST_ENTRIES) this.#list.lastElementChild.remove();
    return entry;
  }

  /** Says more at an entry, in place of what was said before. */
  note(entry, text) {
    entry.querySelector(".note")?.remove();
    entry.append(make("p", "note", text));
  }
}
