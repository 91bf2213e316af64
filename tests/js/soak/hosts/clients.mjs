// The clients of a soak: one that follows for the whole time, and visitors that drain for a moment beside it.

import { connectSalesforce, password } from "cometd-edge/salesforce";
import { memoryStore } from "cometd-edge/stores";
import { Numbers } from "./numbers.mjs";

/** As many as may be told of; each one is a failure anyway. */
const MOST_TROUBLES = 20;

/** Longer than a pause between two bursts would not fit; shorter than the deadline it must be. */
const DRAIN = { idleMs: 250, deadlineMs: 4_000 };

export class Clients {
  #config;
  #visitors = memoryStore();
  #seen = { follower: {}, visitors: {} };
  #gaps = 0;
  #visits = 0;
  #troubles = [];
  #client;
  #loops = [];

  /** `config`: `{ login, credentials, channels, options }`. */
  constructor(config) {
    this.#config = config;
    for (const seen of Object.values(this.#seen)) {
      for (const channel of config.channels) seen[channel] = new Numbers();
    }
  }

  /** Resolves once all channels are followed. */
  async follow(signal) {
    this.#client = await this.#connect(memoryStore(), signal);
    this.#loops.push(this.#watch(this.#client));
    for (const channel of this.#config.channels) {
      const subscription = await this.#client.subscribe(channel, { signal });
      this.#loops.push(this.#read(subscription, this.#seen.follower[channel]));
    }
    void this.#client.closed.then((error) => error && this.#trouble("the follower ended", error));
  }

  /** Comes, drains and goes. */
  async visit(signal) {
    this.#visits += 1;
    try {
      const client = await this.#connect(this.#visitors, signal);
      const watch = this.#watch(client);
      try {
        for (const channel of this.#config.channels) await client.subscribe(channel, { signal });
        for await (const { channel, data } of client.drain(DRAIN)) this.#seen.visitors[channel].add(data.payload.n);
        if (client.state !== "suspended") this.#trouble(`a drain left the client ${client.state}`);
      } finally {
        await client.close();
        await watch;
      }
    } catch (error) {
      this.#trouble("a visit failed", error);
    }
  }

  /** Closes the client that follows; all that it gave must end. */
  async leave() {
    await this.#client.close();
    await Promise.all(this.#loops);
  }

  report() {
    const told = (seen) => Object.fromEntries(Object.entries(seen).map(([channel, one]) => [channel, one.report()]));
    const { follower, visitors } = this.#seen;
    return {
      state: this.#client?.state,
      follower: told(follower),
      visitors: told(visitors),
      visits: this.#visits,
      gaps: this.#gaps,
      troubles: this.#troubles,
    };
  }

  #connect(store, signal) {
    const { login, credentials, options } = this.#config;
    const replay = { store, start: "all", commit: "processed" };
    return connectSalesforce({ loginUrl: login, auth: password(credentials), replay, signal, ...options });
  }

  async #read(subscription, seen) {
    try {
      for await (const { data } of subscription) seen.add(data.payload.n);
    } catch (error) {
      this.#trouble("a subscription ended", error);
    }
  }

  async #watch(client) {
    for await (const status of client.status()) {
      if (status.type !== "gap") continue;
      this.#gaps += 1;
      this.#trouble(`a gap in ${status.channel}: ${status.cause}`);
    }
  }

  #trouble(what, error) {
    const words = error === undefined ? "" : `: ${error?.code ?? ""} ${error?.stack ?? error}`;
    if (this.#troubles.length < MOST_TROUBLES) this.#troubles.push(`${new Date().toISOString()} ${what}${words}`);
  }
}
