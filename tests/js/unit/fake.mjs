// The wrapper without its wasm: an engine that does nothing but note what it is told, and says what a test lets it say.

/** Where the package under test is: the installed one, or that of the last build. */
export const dist = new URL(process.env.COMETD_EDGE_DIST ?? "../../../pkg/dist/", import.meta.url);

const module = (name) => import(new URL(name, dist));

export const { connectWith } = await module("connect.js");
export const { CometdError, isCometdError } = await module("errors.js");
export const runtime = await module("runtime.js");

const OFFSETS_PER_EVENT = 11;

export const asyncDispose = Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose");

/** An instance of wasm, as a loader gives it. `resets` counts how often it was thrown away. */
export function fakeLoader(overrides = {}) {
  const world = {
    engines: [],
    resets: 0,
    onTrap: undefined,
    get engine() {
      return world.engines.at(-1);
    },
  };
  const glue = {
    Engine: class extends FakeEngine {
      constructor(host, options) {
        super(host, options);
        world.engines.push(this);
      }
    },
    __on_trap: (handler) => (world.onTrap = handler),
    __wbg_reset_state: () => (world.resets += 1),
  };
  world.loader = { load: async () => glue, transport: () => new Promise(() => {}), ...overrides };
  return world;
}

/** A client whose handshake has succeeded. */
export async function connected(options = {}, world = fakeLoader()) {
  const before = world.engines.length;
  const connecting = connectWith(world.loader, { url: "http://localhost/cometd", ...options });
  await until(() => world.engines.length > before);
  const { engine } = world;
  engine.host.state("connected");
  engine.settle(0);
  return { client: await connecting, engine, world };
}

/** A subscription that the server has accepted, and its number. */
export async function subscribed(client, engine, channel = "/a", options = undefined) {
  const subscribing = client.subscribe(channel, options);
  const [, id] = engine.calls.at(-1);
  engine.settle(id);
  return { subscription: await subscribing, id };
}

/** Lets everything run that needs no more than a few turns. */
export async function turns(count = 3) {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

export async function until(condition) {
  while (!condition()) await turns(1);
}

export async function rejection(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it did not reject");
}

/** Has the promise settled by now? */
export async function isSettled(promise) {
  let settled = false;
  const note = () => (settled = true);
  promise.then(note, note);
  await turns();
  return settled;
}

/** A page around the test. */
export async function inPage(run) {
  const listeners = new Map();
  const page = {
    onpagehide: null,
    addEventListener: (type, listener) => listeners.set(type, listener),
    removeEventListener: (type, listener) => listeners.get(type) === listener && listeners.delete(type),
  };
  const before = Object.fromEntries(Object.keys(page).map((name) => [name, globalThis[name]]));
  Object.assign(globalThis, page);
  try {
    await run({ listeners, say: (type, persisted) => listeners.get(type)({ type, persisted }) });
  } finally {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete globalThis[name];
      else globalThis[name] = value;
    }
  }
}

/** What the engine is told, by number: its name, and its arguments in the order in which they are noted. */
const TOLD = Object.entries({
  start: [],
  subscribe: ["first", "one", "two"],
  unsubscribe: ["first", "second", "third"],
  progress: ["first", "second", "third"],
  commit: ["first", "second", "third"],
  token: ["first", "one", "two"],
  tokenFailed: ["one", "first"],
  refused: ["first"],
  checkInstance: ["one"],
  loaded: ["first", "one", "two", "second"],
  saved: ["first", "one"],
  decided: ["first", "second"],
  publish: ["first", "one", "two"],
  send: ["first", "one"],
  drain: ["first", "second", "third"],
  rest: ["first"],
  hidden: ["first"],
  suspend: ["first"],
  restore: ["one", "two"],
  close: [],
  claim: ["first"],
  taken: ["first"],
  tap: ["first"],
  trap: [],
  call: ["first", "one", "two", "second"],
  cancel: ["first"],
  retryNow: [],
  headers: ["first", "one", "two"],
});

class FakeEngine {
  calls = [];
  sequence = 0;
  freed = 0;
  dueAt = -1;
  id = "";
  #queues = new Map();
  #taken;

  constructor(host, options) {
    this.host = host;
    this.options = options;
    for (const [name] of TOLD) this[name] = (...args) => this.#note(name, args);
  }

  input(what, first, one, two, second, third) {
    const given = { first, one, two, second, third };
    if (Object.values(given).includes(undefined)) throw new TypeError("an argument is left out");
    const [name, wanted] = TOLD[what];
    this[name](...wanted.map((argument) => given[argument]));
  }

  /** A method that traps from now on. */
  break(name, error = new WebAssembly.RuntimeError("unreachable")) {
    this[name] = () => {
      throw error;
    };
  }

  /** The arguments of every call of a method. */
  told(name) {
    return this.calls.filter(([called]) => called === name).map(([, ...args]) => args);
  }

  /**
   * A sub-batch for a reader. Each event is its data, or an object with `channel`, `data` as text, `replayId`. They are
   * numbered from 1 in the order in which they are delivered.
   */
  deliver(reader, ...events) {
    const queue = this.#queues.get(reader) ?? [];
    this.#queues.set(reader, queue);
    const numbered = (event) => ({ sequence: (this.sequence += 1), ...event });
    queue.push(events.map((event) => numbered(typeof event === "object" ? event : { data: JSON.stringify(event) })));
    this.host.ready(reader);
  }

  settle(command, replies = [], error = undefined) {
    this.host.settled(command, JSON.stringify(replies), error);
  }

  take(reader) {
    this.#note("take", [reader]);
    const events = this.#queues.get(reader)?.shift();
    this.#taken = events && layOut(events);
    return events?.length ?? 0;
  }

  text() {
    return this.#taken.text;
  }

  offsets() {
    return this.#taken.offsets;
  }

  deadline() {
    return this.dueAt;
  }

  clientId() {
    return this.id;
  }

  free() {
    this.freed += 1;
  }

  #note(name, args) {
    if (this.freed) throw new Error("null pointer passed to rust");
    this.calls.push([name, ...args]);
  }
}

function layOut(events) {
  let text = "";
  const offsets = [];
  for (const { channel = "/a", data, replayId = "", createdDate = "", sequence } of events) {
    const start = text.length;
    text += `{"channel":"${channel}"`;
    let dataAt = [start, start];
    if (data !== undefined) {
      text += `,"data":`;
      dataAt = [text.length, text.length + data.length];
      text += data;
    }
    text += "}";
    offsets.push(start, text.length, ...dataAt);
    for (const part of [channel, replayId, createdDate]) {
      offsets.push(text.length, text.length + part.length);
      text += part;
    }
    offsets.push(sequence);
  }
  if (offsets.length !== events.length * OFFSETS_PER_EVENT) throw new Error("the layout of offsets has changed");
  return { text, offsets: new Uint32Array(offsets) };
}
