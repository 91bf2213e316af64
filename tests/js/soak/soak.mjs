// A soak on one host: trouble for most of each turn, then rest, and a look at what is held.

import { setTimeout as sleep } from "node:timers/promises";
import { CHANNELS } from "./org.mjs";
import { FAULTS } from "./faults.mjs";
import { socketsOf } from "./sockets.mjs";

const BURST_EVERY_MS = 1_000;
const BURST = 3;
const FAULT_EVERY_MS = 3_000;
const BETWEEN_VISITS_MS = 1_000;

/** Node closes idle connections after 4 s, workerd after 5. */
const IDLE_SOCKETS_MS = 6_000;

/** A turn ends so long before its time, to come to rest. */
const REST_MS = 9_000;

/** In which all that was published must be seen, and nothing be left of what is over. */
const SETTLE_MS = 30_000;
const LOOK_AGAIN_MS = 50;

export class Soak {
  #host;
  #org;
  #print;
  #fault = 0;
  looks = [];
  troubles = [];

  /** `print`: is given each look. */
  constructor(host, org, print) {
    this.#host = host;
    this.#org = org;
    this.#print = print;
  }

  /** So many turns of `turnMs`, with a look after each; then the client is closed, and there is one more. */
  async run(turns, turnMs) {
    await this.#host.ask("follow");
    await this.#until("the client that follows", async () => (await this.#org.stats()).parkedPolls === 1);
    const began = Date.now();
    for (let turn = 1; turn <= turns; turn += 1) {
      await this.#trouble(began + turn * turnMs - REST_MS);
      await this.#rest();
      await this.#look((Date.now() - began) / 60_000);
    }
    await this.#leave();
  }

  /** Publishes, breaks things and sends visitors until then. */
  async #trouble(until) {
    const every = async (ms, act) => {
      while (Date.now() + ms < until) {
        await act();
        await sleep(ms);
      }
    };
    await Promise.all([
      every(BURST_EVERY_MS, () => this.#org.publish(BURST)),
      every(FAULT_EVERY_MS, () => this.#org.order(...FAULTS[this.#fault++ % FAULTS.length])),
      every(BETWEEN_VISITS_MS, () => this.#host.ask("visit")),
    ]);
  }

  /** No trouble any more: everything arrives, and what is over goes away. */
  async #rest() {
    await this.#org.calm();
    await this.#org.publish(1);
    await this.#until("all events at the client that follows", async () => this.#allSeen("follower"));
    await this.#host.ask("visit");
    await this.#until("all events at the visitors", async () => this.#allSeen("visitors"));
    await sleep(IDLE_SOCKETS_MS);
    await this.#parked();
  }

  async #allSeen(whose) {
    const report = await this.#host.ask("report");
    return CHANNELS.every((channel) => {
      const { upTo, ahead } = report[whose][channel];
      return upTo === this.#org.published[channel] && ahead === 0;
    });
  }

  /** The phase in which everything is counted: one client, its poll and nothing else. */
  #parked() {
    return this.#until("one poll and nothing else", async () => {
      const { sessions, parkedPolls, openRequests } = await this.#org.stats();
      return sessions === 1 && parkedPolls === 1 && openRequests === 1;
    });
  }

  async #look(minute) {
    const held = await this.#host.look();
    const report = await this.#host.ask("report");
    const { sessions, openRequests, handshakes, faultsApplied } = await this.#org.stats();
    const published = Object.values(this.#org.published).reduce((sum, count) => sum + count, 0);
    const sockets = socketsOf(this.#org.port);
    const { visits, gaps } = report;
    const counts = { published, visits, gaps, faults: faultsApplied, handshakes, sessions, openRequests, sockets };
    const look = { minute, ...counts, ...held };
    this.looks.push(look);
    this.#print(look);
    this.#tell(report);
  }

  /** Nothing may be left of a client that is closed. */
  async #leave() {
    const { listeners, problem } = await this.#host.leave();
    if (problem) this.troubles.push(problem);
    if (listeners !== 0) this.troubles.push(`${listeners} listeners are left on the signal of closed clients`);
    await this.#until("nothing at the server", async () => {
      const { sessions, openRequests } = await this.#org.stats();
      return sessions === 0 && openRequests === 0;
    });
  }

  /** What takes too long is a trouble, and the soak goes on. */
  async #until(what, done) {
    const end = Date.now() + SETTLE_MS;
    while (!(await done())) {
      if (Date.now() > end) return this.troubles.push(await this.#missing(what));
      await sleep(LOOK_AGAIN_MS);
    }
    return undefined;
  }

  async #missing(what) {
    const { lastRequests: _, ...stats } = await this.#org.stats();
    const report = await this.#host.ask("report").catch(String);
    const found = JSON.stringify({ published: this.#org.published, report, stats });
    return `${new Date().toISOString()} ${what}: not within ${SETTLE_MS} ms: ${found}`;
  }

  /** Those of the clients, which tell all of them each time. Without the one that follows there is nothing to go on for. */
  #tell({ state, troubles }) {
    for (const trouble of troubles) if (!this.troubles.includes(trouble)) this.troubles.push(trouble);
    if (state === "closed") throw new Error(["the client that follows is closed", ...this.troubles].join("\n"));
  }
}
