// Drives the sandbox: its settings, faults and counters. A case that uses it needs the feature `sandbox`.

/** Between two looks at a counter. The server has no way to tell when one changes. */
const LOOK_AGAIN_MS = 10;

export class World {
  #ask;

  /** @param {(method: string, action: string, body?: unknown) => Promise<any>} ask speaks to the control address. */
  constructor(ask) {
    this.#ask = ask;
  }

  config(settings) {
    return this.#ask("POST", "config", settings);
  }

  /** Orders faults, which wait in line for the requests that they are for. */
  fault(...faults) {
    return this.#ask("POST", "faults", faults);
  }

  publish(channel, data, event) {
    return this.#ask("POST", "publish", { channel, data, event });
  }

  /** Publishes events numbered on from the last, all of them in one batch. */
  publishNumbers(channel, count) {
    return this.#ask("POST", "publish", { channel, count });
  }

  cut(downMs) {
    return this.#ask("POST", "cut", downMs ? { downMs } : {});
  }

  forget() {
    return this.#ask("POST", "forget");
  }

  disconnectAll() {
    return this.#ask("POST", "session-disconnect");
  }

  /** Revokes all access tokens; with `tell: false` parked polls hear of it when they would have been answered. */
  expireTokens(tell = true) {
    return this.#ask("POST", "expire-token", { tell });
  }

  /** The next logins are refused in these words; or hang. */
  failLogins(how) {
    return this.#ask("POST", "fail-logins", how);
  }

  /** Drops the oldest events of a channel until it has `keep`. */
  expireEvents(channel, keep = 0) {
    return this.#ask("POST", "expire", { channel, keep });
  }

  /** Another org, with other ids, takes its place. */
  newOrg() {
    return this.#ask("POST", "new-org");
  }

  stats() {
    return this.#ask("GET", "stats");
  }

  /** The counters, once they are as wanted. */
  async until(wanted) {
    for (;;) {
      const stats = await this.stats();
      if (wanted(stats)) return stats;
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
  }
}
