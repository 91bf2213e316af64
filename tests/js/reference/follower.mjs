// An application that follows channels through a line that breaks, in one life after the other: a life ends by its own will
// after so many events, and the next one goes on where it stopped.

import { setTimeout as sleep } from "node:timers/promises";
import { MAX_INTERVAL_MS } from "./faults.mjs";

/** For that server, and a machine that is as slow as ever. */
const OPTIONS = {
  networkDelayMs: 1_500,
  connectTimeoutMs: 60_000,
  retry: {
    initialDelayMs: 20,
    maxDelayMs: 600,
    maxRetries: 1_000,
    handshakesPerMinute: 600,
    sessionWindowMs: MAX_INTERVAL_MS,
  },
};

const EVENTS_PER_LIFE = [20, 200];

/** How a life ends. Without replay whoever comes anew has nothing to go on from. */
const ENDS = { withReplay: ["close", "suspend", "crash", "leave a reader"], without: ["suspend"] };

export class Follower {
  #settings;
  #random;
  #trace;
  #fail;
  #snapshot;
  #life;
  #ending;
  #stopped = false;
  #calm = false;
  figures = { lives: 0, sessions: 0, resumed: 0, gaps: {}, ends: {} };

  /**
   * `settings`: `{ url, line, channels, cometd, record, store }`, the last one only with replay. `fail` is told what must
   * not be, `trace` what happens.
   */
  constructor(settings, { random, trace, fail }) {
    Object.assign(this, { record: settings.record });
    this.#settings = settings;
    this.#random = random;
    this.#trace = trace;
    this.#fail = fail;
  }

  /** Lives until it is stopped. */
  async run() {
    while (!this.#stopped) await this.#live();
  }

  /** In a calm no life ends. */
  calm(on) {
    this.#calm = on;
  }

  async stop() {
    this.#stopped = true;
    this.#ending?.("close");
  }

  async #live() {
    const { url, channels, cometd, store } = this.#settings;
    this.figures.lives += 1;
    const client = await cometd.connect({
      ...OPTIONS,
      url,
      resume: this.#snapshot,
      replay: store && { store: store.open(), start: "all" },
      onStatus: (status) => this.#told(status),
    });
    this.#snapshot = undefined;
    void this.#traceMessages(client);
    const ended = new Promise((resolve) => {
      this.#ending = resolve;
    });
    this.#life = { left: this.#random.between(...EVENTS_PER_LIFE), over: false };
    void client.closed.then((error) => error && this.#fail(`the client ended: ${error.stack}`));
    if (this.#stopped) this.#ending("close");
    const readers = channels.map((channel) => this.#read(client, channel));
    await this.#end(client, await ended);
    await Promise.all(readers);
  }

  async #read(client, channel) {
    const life = this.#life;
    try {
      for (let again = true; again && !life.over;) {
        again = await this.#readOnce(await client.subscribe(channel), channel, life);
      }
    } catch (error) {
      // What a client that is being closed has not got to yet, it rejects.
      if (!life.over) this.#fail(`${channel}: ${error.stack}`);
    }
  }

  /** Resolves with `true` where it left with an event in hand. */
  async #readOnce(subscription, channel, life) {
    const { record, store } = this.#settings;
    for await (const { data, replayId } of subscription) {
      this.#trace.event("given", channel, data.n);
      record.received(channel, data.n, replayId);
      life.left -= 1;
      if (life.left < 0 && !this.#calm && !life.over) {
        const how = this.#random.pick(store ? ENDS.withReplay : ENDS.without);
        this.figures.ends[how] = (this.figures.ends[how] ?? 0) + 1;
        this.#trace.note(`${how} at ${channel} ${data.n}`);
        if (how === "leave a reader") {
          life.left = this.#random.between(...EVENTS_PER_LIFE);
          record.readsAgain(channel);
          return true;
        }
        life.over = true;
        this.#ending(how);
      }
      if (this.#random.oneIn(50)) await sleep(this.#random.between(1, 300));
      if (store) record.processed(channel, data.n);
    }
    return false;
  }

  async #end(client, how) {
    const { line, store, record } = this.#settings;
    this.#life.over = true;
    if (how === "suspend") {
      // As it goes through a store of the application.
      this.#snapshot = JSON.parse(JSON.stringify(await client.suspend()));
    }
    if (how === "crash") {
      store.abandon();
      line.refuse({ on: true });
      line.cut({});
    }
    await client.close();
    if (how === "crash") line.refuse({ on: false });
    if (store) record.restarts();
  }

  #told(status) {
    const { type, cause } = status;
    this.record.status(status);
    if (type === "gap") this.figures.gaps[cause] = (this.figures.gaps[cause] ?? 0) + 1;
    if (type === "session") this.figures[status.resumed ? "resumed" : "sessions"] += 1;
    if (type === "subscribe-failed") this.#fail(`${status.channel}: ${status.error}`);
    const { error, ...rest } = status;
    this.#trace.note(`status ${JSON.stringify(rest)} ${error ? `${error.code}: ${error.message}` : ""}`);
  }

  /** In short, without what is secret. */
  async #traceMessages(client) {
    for await (const { channel, id, successful, subscription, error, ext, advice, data } of client.messages()) {
      const words = { id, successful, subscription, error, ack: ext?.ack, advice };
      if (data?.n === undefined) this.#trace.note(`message ${channel} ${JSON.stringify(words)}`);
      else this.#trace.event("message", channel, data.n);
    }
  }
}
