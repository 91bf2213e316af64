// A Salesforce org for a case, which is a world of the sandbox, and clients that log in there. Whatever they say is
// looked through for secrets in the end.

import { equal, rejection, same, typed } from "./assert.mjs";
import { test } from "./registry.mjs";
import { CREDENTIALS, Told } from "./secrets.mjs";
import { reader, take, watch } from "./tools.mjs";

export const ORDERS = "/event/Order__e";

/** The number in a platform event or change event, or in the record of a PushTopic. */
export const numberOf = ({ data }) => (data.payload ?? data.sobject).n;
export const numbersOf = (events) => events.map(numberOf);

/** The numbers from `first` to `last`. */
export const range = (first, last) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

/** A case that is given an org. `config`: settings of its world. */
export function orgTest(name, options, run) {
  if (typeof options === "function") return orgTest(name, {}, options);
  const { config, needs = [], ...rest } = options;
  test(name, { needs: ["salesforce", ...needs], ...rest }, async (t) => run(await Org.make(t, config)));
}

/** Parked polls are held until the end of the case, unless something happens to them. */
export const HELD = { timeoutMs: 60_000, maxIntervalMs: 60_000 };

class Org {
  #told = new Told();

  static async make(t, config = {}) {
    const org = new Org();
    const line = await t.line();
    Object.assign(org, { t, line, world: t.world, loginUrl: line.origin });
    org.CometdError = t.CometdError;
    org.auth = t.salesforce;
    t.defer(async () => org.#told.check());
    // A page sees the server through its own origin.
    const page = t.has("own-cookies") ? {} : { instanceUrl: line.origin, jwtAudience: line.origin };
    await t.world.config({ ...page, ...config });
    return org;
  }

  /** A login by user name and password. */
  password(changes) {
    const { clientId, clientSecret, username, password } = CREDENTIALS;
    return this.auth.password({ clientId, clientSecret, username, password, ...changes });
  }

  /** Options as they are without any wish of the case's. */
  options({ retry, log, ...options } = {}) {
    return {
      loginUrl: this.loginUrl,
      auth: options.auth ?? this.password(),
      retry: this.t.retry(retry),
      log: (entry) => {
        this.#told.add(entry.message);
        log?.(entry);
      },
      ...options,
    };
  }

  /** A client that is closed in the end: `{ client, status }`, with a watch on its status. */
  async connect(options) {
    const client = await this.tell(this.auth.connectSalesforce(this.options(options)));
    this.t.defer(() => client.close());
    const status = watch(this.#overheard(client.status()));
    // Who aborts a client ends it with a reason.
    status.over.catch(() => {});
    client.closed.then((error) => this.#told.add(error));
    return { client, status };
  }

  /** `connectSalesforce()` is refused with one of these codes. */
  refused(options, codes) {
    return this.refuses(this.auth.connectSalesforce(this.options(options)), codes, "connectSalesforce");
  }

  /** The promise rejects with one of these codes. */
  async refuses(promise, codes, what) {
    const error = this.#told.add(await rejection(promise, what));
    typed(error, this.CometdError, codes, what);
    return error;
  }

  /** Passes on what happens, and remembers what an error says. */
  async tell(promise) {
    try {
      return await promise;
    } catch (error) {
      throw this.#told.add(error);
    }
  }

  /** A client that follows a channel from the start, with a reader of it. */
  async following(options, channel = ORDERS) {
    const { client, status } = await this.connect({ replay: { start: "all" }, ...options });
    const subscription = await this.tell(client.subscribe(channel));
    const events = reader(subscription);
    return { client, status, subscription, events };
  }

  publish(channel, data, event) {
    return this.world.publish(channel, data, event);
  }

  /** Publishes events numbered on from the last. */
  publishNumbers(count, channel = ORDERS) {
    return this.world.publishNumbers(channel, count);
  }

  /** Resolves once a poll is parked. */
  parked(count = 1) {
    return this.world.until(({ parkedPolls }) => parkedPolls === count);
  }

  /** Resolves once all faults have struck. */
  struck() {
    return this.world.until(({ faultsWaiting }) => faultsWaiting === 0);
  }

  /** A token, as somebody else might have got it. */
  async token() {
    const { clientId, clientSecret, username, password } = CREDENTIALS;
    const form = { grant_type: "password", client_id: clientId, client_secret: clientSecret, username, password };
    const body = new URLSearchParams(form);
    const response = await fetch(`${this.loginUrl}/services/oauth2/token`, { method: "POST", body });
    const { access_token: accessToken, instance_url: instanceUrl } = await response.json();
    return { accessToken, instanceUrl };
  }

  async *#overheard(iterable) {
    for await (const item of iterable) yield this.#told.add(item);
  }
}

/** The next events are those with the numbers from `first` to `last`, in their order and once. */
export async function comes(events, first, last) {
  same(numbersOf(await take(events, last - first + 1)), range(first, last), "numbers");
}

/** The same, in whatever order: between two responses under way at once none is promised (S13). */
export async function allCome(events, first, last) {
  const numbers = numbersOf(await take(events, last - first + 1));
  same(
    numbers.toSorted((a, b) => a - b),
    range(first, last),
    "numbers",
  );
}

/** The gaps and other statuses of some kind that were told. */
export const those = (status, type) => status.seen.filter((item) => item.type === type);

/** There is nothing between what was read and a new event: neither a loss nor a double. */
export async function goesOn(org, events, last, channel = ORDERS) {
  await org.publishNumbers(1, channel);
  const [event] = await take(events, 1);
  equal(numberOf(event), last + 1, "number of the new event");
  return event;
}

export function noGaps(status) {
  same(those(status, "gap"), [], "gaps");
}

/** Follows until a poll is parked that nothing but the case will end, with five events behind it. */
export async function settled(org, options) {
  const all = await org.following(options);
  await org.publishNumbers(5);
  await comes(all.events, 1, 5);
  await org.parked();
  return all;
}
