// An org of the sandbox for a short run: its own world, events numbered on, and the faults that each run meets.

const CHANNEL = "/event/Order__e";

/** As the sandbox takes them. */
export const CREDENTIALS = {
  clientId: "sandbox-client",
  clientSecret: "sandbox-secret",
  username: "user@example.com",
  password: "sandbox-password",
};

/** One for each run, in turn. None of them keeps the server from being told that a session is over. */
export const FAULTS = [
  { on: "connect", withEvents: true, kind: "cut", afterEvents: 2 },
  { on: "connect", kind: "cut-before-head" },
  { on: "connect", kind: "forget" },
  { on: "subscribe", kind: "cut-before-head" },
  { on: "subscribe", withEvents: true, kind: "malformed", afterEvents: 1 },
  { on: "handshake", kind: "status", status: 503 },
  { on: "connect", kind: "expire-token" },
  { on: "login", kind: "status", status: 503 },
  { on: "connect", withEvents: true, kind: "duplicate" },
  { on: "connect", kind: "retry-after", seconds: 0 },
];

/** Between two looks at a counter: the server has no way to tell when one changes. */
const LOOK_AGAIN_MS = 20;
const LIMIT_MS = 60_000;

export class Org {
  #control;
  #published = 0;

  /** `name`: of the world. `prefix`: what its port is appended to, as its clients see it. */
  constructor(port, name, prefix = "http://127.0.0.1:") {
    this.#control = `http://127.0.0.1:${port}/w/${name}/sandbox/`;
    this.login = `${prefix}${port}/w/${name}`;
  }

  async publish(count, data = {}) {
    this.#published += count;
    await this.order("publish", { channel: CHANNEL, data, count });
  }

  /** All numbers published so far. */
  get numbers() {
    return Array.from({ length: this.#published }, (_, i) => i + 1);
  }

  order(action, body) {
    return answer(`${this.#control}${action}`, { method: "POST", body: JSON.stringify(body) });
  }

  stats() {
    return answer(`${this.#control}stats`);
  }
}

/** Asks until the answer is as wanted. */
export async function until(ask, wanted, what) {
  const end = Date.now() + LIMIT_MS;
  for (;;) {
    const found = await ask();
    if (wanted(found)) return found;
    if (Date.now() > end) throw new Error(`${what}: still ${JSON.stringify(found)} after ${LIMIT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

/** Throws unless all these numbers were seen. */
export function nothingLost(numbers, seen) {
  const lost = numbers.filter((n) => !seen.includes(n));
  if (lost.length > 0) throw new Error(`lost: ${lost}`);
}

async function answer(url, init) {
  const response = await fetch(url, init);
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return response.json();
}
