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

  publish(channel, data) {
    return this.#ask("POST", "publish", { channel, data });
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
