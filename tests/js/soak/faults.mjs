// What goes wrong in a soak, one after the other and again from the start: all that a client must survive without loss.
// A server that ends a session for no reason, with the advice not to come back (`session-disconnect`), is obeyed.

const on = (request, kind, more = {}) => ["faults", [{ on: request, kind, ...more }]];
const withEvents = (kind, more = {}) => on("connect", kind, { withEvents: true, ...more });

/** More than a client of the soak takes in. */
export const LARGEST_MESSAGE = 65_536;

/** Orders to the sandbox: an action, and what it is told. */
export const FAULTS = [
  withEvents("cut", { afterEvents: 2 }),
  on("connect", "cut-before-head"),
  on("connect", "forget"),
  on("connect", "expire-token"),
  on("connect", "status", { status: 503 }),
  on("connect", "retry-after", { seconds: 1 }),
  withEvents("stall", { afterEvents: 1 }),
  withEvents("slow", { chunkBytes: 100, delayMs: 5 }),
  withEvents("malformed", { afterEvents: 1 }),
  withEvents("duplicate"),
  withEvents("oversized", { bytes: 2 * LARGEST_MESSAGE }),
  withEvents("nested", { depth: 5_000 }),
  on("connect", "hang"),
  on("connect", "refuse"),
  on("connect", "html"),
  on("connect", "empty"),
  on("connect", "disconnect"),
  on("connect", "drop-cookie"),
  on("connect", "numeric-ids"),
  on("connect", "no-id"),
  on("connect", "daily-limit"),
  withEvents("events-after-reply"),
  withEvents("cut-before-head"),
  on("handshake", "status", { status: 503 }),
  on("handshake", "cut-before-head"),
  on("handshake", "concurrent-limit"),
  on("handshake", "deny-handshake"),
  on("subscribe", "cut"),
  on("subscribe", "busy-subscribe"),
  on("subscribe", "cut-before-head"),
  on("disconnect", "cut-before-head"),
  on("disconnect", "hang"),
  on("login", "status", { status: 503 }),
  on("login", "cut-before-head"),
  ["cut", { downMs: 300 }],
  ["forget"],
  ["expire-token", { tell: false }],
  ["expire-token"],
  ["wake"],
  ["fail-logins", { error: "server_error", status: 503 }],
];
