// The trial: CometD's Java server with and without its extensions, a follower of each kind behind a line that breaks, and
// rounds of events. A round ends with a calm, in which all that was published must arrive.

import http from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { Line } from "../lib/lines.mjs";
import { javaServer } from "../lib/servers.mjs";
import { root } from "../lib/tools.mjs";
import { Faults, MAX_INTERVAL_MS } from "./faults.mjs";
import { Follower } from "./follower.mjs";
import { Random } from "./random.mjs";
import { Once, Published, Replayed } from "./records.mjs";
import { Store } from "./store.mjs";
import { Trace } from "./trace.mjs";

const CHANNELS = ["/orders/new", "/invoices", "/accounts/changes"];
const POLL_MS = 1_000;

const BURST = [1, 4];
const BETWEEN_BURSTS_MS = [2, 60];
const TEXT_LENGTH = [0, 300];

/** In which all must arrive once nothing is broken any more; longer than any deadline of a client. */
const SETTLE_MS = 60_000;
const LOOK_AGAIN_MS = 20;

/** How much of a trace a failure shows. */
const SHOWN_LINES = 150;
const MOST_FAILURES = 10;

/** Each kind of follower, and the extensions of its server. */
const KINDS = {
  plain: { extensions: [] },
  acknowledged: { extensions: ["ack", "replay"] },
  replayed: { extensions: ["replay"], replay: true },
  "replayed and acknowledged": { extensions: ["ack", "replay"], replay: true },
};

export class Trial {
  #project;
  #seed;
  #random;
  #published = new Published(CHANNELS);
  #servers = new Map();
  #parties = [];
  #rounds = 0;
  #began = Date.now();
  failures = [];

  constructor(project, seed) {
    this.#project = project;
    this.#seed = seed;
    this.#random = new Random(seed, "publisher");
  }

  /** Rounds of so many events, for as long as `goesOn` says so, given the number of those that are done and their time. */
  async run(events, goesOn) {
    try {
      await this.#start();
      this.#began = Date.now();
      const lives = this.#parties.map(({ follower, fail }) => follower.run().catch((error) => fail(error.stack)));
      while (this.failures.length < MOST_FAILURES && goesOn(this.#rounds, Date.now() - this.#began)) {
        await this.#round(events);
        this.#rounds += 1;
      }
      for (const { follower } of this.#parties) follower.stop();
      await Promise.all(lives);
    } finally {
      for (const { line } of this.#parties) line.close();
      await Promise.all([...this.#servers.values()].map(({ stop }) => stop()));
    }
  }

  async #start() {
    cpSync(join(root, "tests", "js", "reference", "hosts"), this.#project.path("suite", "reference"), {
      recursive: true,
    });
    const cometd = await import(pathToFileURL(this.#project.path("suite", "reference", "package.mjs")).href);
    for (const { extensions } of Object.values(KINDS)) {
      const key = extensions.join();
      if (this.#servers.has(key)) continue;
      const settings = { extensions, timeoutMs: POLL_MS, maxIntervalMs: MAX_INTERVAL_MS };
      this.#servers.set(key, await javaServer(settings));
    }
    for (const [name, kind] of Object.entries(KINDS)) this.#parties.push(await this.#party(name, kind, cometd));
  }

  async #party(name, { extensions, replay }, cometd) {
    const trace = new Trace();
    let failed = false;
    const fail = (what) => {
      trace.note(`FAILED: ${what}`);
      // The first one shows what led to it; what follows from it need not.
      const shown = failed ? [] : trace.last(SHOWN_LINES).map((text) => `    ${text}`);
      failed = true;
      if (this.failures.length < MOST_FAILURES) this.failures.push([`${name}: ${what}`, ...shown].join("\n"));
    };
    const random = (what) => new Random(this.#seed, `${name} ${what}`);
    const record = replay ? new Replayed(CHANNELS, fail) : new Once(this.#published, fail);
    const store = replay && new Store(cometd.kvStore, record, random("store"));
    const line = new Line(this.#servers.get(extensions.join()).port);
    const url = `http://127.0.0.1:${await line.listen()}/cometd`;
    const settings = { url, line, channels: CHANNELS, cometd, record, store };
    const follower = new Follower(settings, { random: random("life"), trace, fail });
    return { name, line, record, store, follower, fail, faults: new Faults(line, random("faults"), trace) };
  }

  /** Trouble for so many events; then a calm. Events come all the time. */
  async #round(events) {
    const [trouble, publishing] = [new AbortController(), new AbortController()];
    const first = this.#total();
    const publisher = this.#publish(publishing.signal);
    const faults = this.#parties.map((party) => party.faults.run(trouble.signal));
    await until(() => this.#total() >= first + events);
    trouble.abort();
    await Promise.all(faults);
    for (const { follower } of this.#parties) follower.calm(true);
    const counts = this.#published.counts();
    await Promise.all(this.#parties.map((party) => this.#settle(party, counts)));
    for (const { follower } of this.#parties) follower.calm(false);
    publishing.abort();
    await publisher;
  }

  async #settle({ record, fail }, counts) {
    const arrived = await until(() => record.isUpTo(counts), SETTLE_MS);
    if (arrived) record.settle();
    else fail(`not all has arrived within ${SETTLE_MS} ms of calm: ${JSON.stringify([...counts])}`);
  }

  #total() {
    return [...this.#published.counts().values()].reduce((sum, count) => sum + count, 0);
  }

  /** The same at all servers, and not over a line. */
  async #publish(signal) {
    while (!signal.aborted) {
      const channel = this.#random.pick(CHANNELS);
      for (let left = this.#random.between(...BURST); left > 0; left -= 1) {
        const [n, began] = [this.#published.next(channel), Date.now()];
        const data = { n, text: "é".repeat(this.#random.between(...TEXT_LENGTH)) };
        await Promise.all([...this.#servers.values()].map(({ port }) => publish(port, channel, data)));
        this.#published.add(channel, began, Date.now());
      }
      await sleep(this.#random.between(...BETWEEN_BURSTS_MS));
    }
  }

  /** What came of it, in one line. */
  get summary() {
    const minutes = ((Date.now() - this.#began) / 60_000).toFixed(1);
    const parties = this.#parties.map(({ name, follower, record, store }) => {
      const { gaps, ends, ...figures } = follower.figures;
      const told = { ...record.figures, ...figures, ...store?.figures };
      const ahead = record.ahead ? `, ahead (${words(record.ahead)})` : "";
      return `${name}: ${words(told)}${ahead}, ends (${words(ends)}), gaps (${words(gaps)})`;
    });
    const faults = {};
    for (const { faults: one } of this.#parties)
      for (const [name, count] of Object.entries(one.counts)) faults[name] = (faults[name] ?? 0) + count;
    const sum = Object.values(faults).reduce((total, count) => total + count, 0);
    const head = `seed ${this.#seed}: ${this.#total()} events in ${this.#rounds} rounds, ${minutes} min`;
    return [head, ...parties, `${sum} faults (${words(faults)})`].join("; ");
  }
}

const words = (counts) =>
  Object.entries(counts)
    .map(([what, count]) => `${count} ${what}`)
    .join(", ") || "none";

/** Does it come true, in time? */
async function until(isTrue, ms = Infinity) {
  const end = Date.now() + ms;
  while (!isTrue()) {
    if (Date.now() > end) return false;
    await sleep(LOOK_AGAIN_MS);
  }
  return true;
}

const agent = new http.Agent({ keepAlive: true });

function publish(port, channel, data) {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, path: "/control/publish", method: "POST", agent };
    const request = http.request(options, (response) => {
      response.resume().on("end", resolve);
      if (response.statusCode !== 200) reject(new Error(`publishing: ${response.statusCode}`));
    });
    request.on("error", reject);
    request.end(JSON.stringify({ channel, data: [data] }));
  });
}
