// What goes wrong on the line between a follower and its server. Which, when and where is drawn from the seed; what it
// meets depends on the moment.

import { setTimeout as sleep } from "node:timers/promises";

/** Between two faults. */
const PAUSE_MS = [20, 600];

/** In which a fault must have met something; then the next one has its turn. */
const PATIENCE_MS = 2_000;
const LOOK_AGAIN_MS = 10;

/** A server's session ends in so long without a poll. */
export const MAX_INTERVAL_MS = 3_000;

/** What a message of an event has, once. */
const IN_AN_EVENT = '"data"';
const BETWEEN_MESSAGES = "},{";
const END_OF_HEAD = "\r\n\r\n";

async function down(line, ms) {
  line.refuse({ on: true });
  line.cut({});
  await sleep(ms);
  line.refuse({ on: false });
}

/** What a client notices at once; those named several times come more often. */
const SHORT = [
  ["cut before the head", (line) => line.cut({ after: "" })],
  ["cut behind the head", (line) => line.cut({ after: END_OF_HEAD })],
  ["cut between messages", (line) => line.cut({ after: BETWEEN_MESSAGES })],
  ["cut between messages", (line) => line.cut({ after: BETWEEN_MESSAGES })],
  ["cut in a message", (line, random) => line.cut({ after: IN_AN_EVENT, more: random.between(0, 300) })],
  ["cut in a message", (line, random) => line.cut({ after: IN_AN_EVENT, more: random.between(0, 300) })],
  ["cut at any byte", (line, random) => line.cut({ after: "", more: random.between(1, 1_000) })],
  ["reset before the head", (line) => line.cut({ after: "", how: "reset" })],
  [
    "reset in a message",
    (line, random) => line.cut({ after: IN_AN_EVENT, more: random.between(0, 300), how: "reset" }),
  ],
  ["request lost", (line) => line.lose()],
  ["request lost", (line) => line.lose()],
  ["all connections cut", (line) => line.cut({})],
  ["all connections reset", (line) => line.cut({ how: "reset" })],
  ["late answer", (line, random) => line.delay({ ms: random.between(10, 1_000) })],
  ["late answer", (line, random) => line.delay({ ms: random.between(10, 1_000) })],
  ["down for a moment", (line, random) => down(line, random.between(50, 1_000))],
];

/** What takes it seconds. */
const LONG = [
  [
    "silence in a message",
    (line, random) => line.cut({ after: IN_AN_EVENT, more: random.between(0, 99), how: "freeze" }),
  ],
  ["silence", (line) => line.freeze()],
  ["answer too late", (line, random) => line.delay({ ms: random.between(2_000, 4_000) })],
  ["down for longer than a session", (line, random) => down(line, MAX_INTERVAL_MS + random.between(800, 2_000))],
];

const LONG_ONE_IN = 15;

/** Breaks a line again and again while it is on. */
export class Faults {
  #line;
  #random;
  #trace;
  /** How often each was ordered. */
  counts = {};

  constructor(line, random, trace) {
    this.#line = line;
    this.#random = random;
    this.#trace = trace;
  }

  /** Until the signal; then nothing that was ordered is left. */
  async run(signal) {
    while (!signal.aborted) {
      await sleep(this.#random.between(...PAUSE_MS));
      if (signal.aborted) break;
      const [name, order] = this.#random.pick(this.#random.oneIn(LONG_ONE_IN) ? LONG : SHORT);
      this.counts[name] = (this.counts[name] ?? 0) + 1;
      this.#trace.note(`fault: ${name}`);
      await order(this.#line, this.#random);
      const end = Date.now() + PATIENCE_MS;
      while (this.#line.waits && Date.now() < end && !signal.aborted) await sleep(LOOK_AGAIN_MS);
      this.#line.calm();
    }
    this.#trace.note("calm");
  }
}
