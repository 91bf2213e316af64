// What a case is given as `t`: the package, a server of its own as far as that goes, and a place to leave things.

import { numbered } from "./tools.mjs";
import { World } from "./world.mjs";

/**
 * The server under test, as plain JSON, since it travels to the runtime.
 *
 * @typedef {object} Target
 * @property {string} name
 * @property {string} base its origin as seen from the runtime; a browser sees it through its page's own origin
 * @property {boolean} worlds a sandbox: every case gets a world of its own
 * @property {string} lines the control server of lines.mjs, as seen from the runtime
 * @property {string} proxy what a port is appended to, to get the origin that it serves: `http://127.0.0.1:` or a path
 * @property {number} port
 * @property {string[]} features
 *   `sandbox`: faults and statistics · `ack`: the acknowledgement extension · `own-cookies`: the client keeps the
 *   cookies, not the browser · `one-copy`: an event is sent once, however many subscriptions of a session it matches ·
 *   `salesforce`: Salesforce's dialect, too · `services`: `/service/echo` answers a call with what it is given ·
 *   `failing-services`: `/service/fail` says that it failed · `page`: the runtime is one · the name of each replay store of
 *   the runtime
 */

/**
 * Makes the context of each case.
 *
 * @param {{ connect: Function, CometdError: Function, salesforce: object, stores: object, hostStores: object }} library
 *   the package
 * @param {Target} target
 * @param {string} run keeps this run's channels apart from those of others on the same server
 */
export function contexts(library, target, run) {
  let count = 0;
  return (name) => new Context(library, target, `${run}${(count += 1)}`, name);
}

// Retries are quick and many handshakes are allowed, for the servers here are.
const IMPATIENT = { initialDelayMs: 20, maxDelayMs: 200, handshakesPerMinute: 1_000, sessionWindowMs: 1_000 };

class Context {
  #cleanUps = [];
  #numbers = new Map();

  constructor(library, target, id, name) {
    Object.assign(this, library, { target, id, name });
    this.world = new World((method, action, body) =>
      this.#ask(method, `${target.base}${this.#path("/sandbox/")}${action}`, body),
    );
  }

  /** The name of a channel that no other case uses. */
  channel(suffix = "") {
    return `/c${this.id}${suffix}`;
  }

  /** One that the server lets nobody subscribe to or publish on, though its name is well formed. */
  refusedChannel() {
    // Salesforce's servers, and so the sandbox, take no whitespace in names; the others have a policy.
    return this.target.worlds ? `/c${this.id}/not here` : `/refused/c${this.id}`;
  }

  has(feature) {
    return this.target.features.includes(feature);
  }

  /** Runs after the case, last one first, however it ended. */
  defer(cleanUp) {
    this.#cleanUps.push(cleanUp);
  }

  async cleanUp() {
    const errors = [];
    for (const cleanUp of this.#cleanUps.reverse()) await Promise.resolve(cleanUp()).catch((e) => errors.push(e));
    if (errors.length) throw errors[0];
  }

  /** A client that is closed at the end. `url` is a line of its own unless given. */
  async client({ url, retry, ...options } = {}) {
    const client = await this.connect({
      url: url ?? (await this.line()).url,
      retry: { ...IMPATIENT, ...retry },
      ...options,
    });
    this.defer(() => client.close());
    return client;
  }

  /** Options for cases that call `connect` themselves. */
  retry(options) {
    return { ...IMPATIENT, ...options };
  }

  /**
   * A way to the server that can be cut without hurting other cases. Each client has its own, so that a browser keeps
   * their cookies apart, too.
   */
  async line() {
    const { id, port } = await this.#post(`${this.target.lines}/lines`, { port: this.target.port });
    const order = (action, body = {}) => this.#post(`${this.target.lines}/lines/${id}/${action}`, body);
    let closing;
    const close = () => (closing ??= order("close"));
    this.defer(close);
    return {
      /** As the server finds it in a `Host` header. */
      host: `127.0.0.1:${port}`,
      url: `${this.target.proxy}${port}${this.#path("/cometd")}`,
      origin: `${this.target.proxy}${port}${this.#path("")}`,
      cut: (after) => order("cut", { after }),
      freeze: () => order("freeze"),
      refuse: (on) => order("refuse", { on }),
      stats: () => order("stats"),
      /** Nobody listens there any more. */
      close,
    };
  }

  /** The server itself publishes, in this order. */
  async publish(channel, ...data) {
    if (!this.target.worlds) return this.#post(`${this.target.base}/control/publish`, { channel, data });
    for (const item of data) await this.world.publish(channel, item);
  }

  /** The server itself publishes `{n}` for the next `count` numbers of the channel, in as few batches as it can. */
  publishNumbers(channel, count) {
    if (this.target.worlds) return this.world.publishNumbers(channel, count);
    const last = this.#numbers.get(channel) ?? 0;
    this.#numbers.set(channel, last + count);
    return this.publish(channel, ...numbered(count, last + 1));
  }

  /** Resolves once nobody is subscribed to the channel at the server. */
  async vacated(channel) {
    if (this.target.worlds) await this.world.until(({ subscriptions }) => !subscriptions[channel]);
    else await this.#post(`${this.target.base}/control/vacated`, { channel });
  }

  /** Where the server is reached with nothing in between: for a page, at another origin. */
  direct() {
    return `http://127.0.0.1:${this.target.port}${this.#path("")}`;
  }

  #path(suffix) {
    return this.target.worlds ? `/w/${this.id}${suffix}` : suffix;
  }

  #post(url, body) {
    return this.#ask("POST", url, body);
  }

  async #ask(method, url, body) {
    const init = method === "GET" ? {} : { method, body: JSON.stringify(body ?? {}) };
    const response = await fetch(url, init);
    const text = await response.text();
    if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text}`);
    return JSON.parse(text || "{}");
  }
}
