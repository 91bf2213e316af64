// The table of orders and the log.

const MOST_ORDERS = 50;
const MOST_ENTRIES = 200;

const amounts = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const times = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });

export const element = (id) => document.getElementById(id);

/** A time of day, from Unix milliseconds. */
export const time = (ms) => times.format(ms);

/** A new element with this text or these children. */
function make(name, className, ...children) {
  const made = document.createElement(name);
  made.className = className;
  made.append(...children);
  return made;
}

/** The newest orders, and between them a line for those that are lost. */
export class Orders {
  #body = element("orders");

  /** Adds orders in the order of their arrival. */
  add(orders) {
    element("none-yet").hidden = true;
    const rows = orders
      .slice(-MOST_ORDERS)
      .flatMap((order) => [...(order.lost ? [lostRow(order.lost)] : []), row(order)]);
    this.#body.prepend(...rows.reverse());
    while (this.#body.childElementCount > MOST_ORDERS) this.#body.lastElementChild.remove();
  }
}

function row(order) {
  const status = String(order.status);
  const pill = make("span", "pill", order.duplicate ? `${status} (again)` : status);
  pill.dataset.status = status;
  const cells = {
    "n number": String(order.n),
    order: String(order.orderId ?? "–"),
    customer: String(order.customer ?? "–"),
    "amount number": typeof order.amount === "number" ? amounts.format(order.amount) : "–",
    status: pill,
    "latency number": duration(order.latencyMs),
  };
  return tableRow(
    "",
    Object.entries(cells).map(([name, content]) => make("td", name, content)),
  );
}

function lostRow({ first, last }) {
  const cell = make("td", "", first === last ? `Order ${first} was lost` : `Orders ${first} to ${last} were lost`);
  cell.colSpan = 6;
  return tableRow("lost", [cell]);
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
