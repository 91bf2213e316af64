// The clients in workerd: the one that follows lives as long as the request that it belongs to, each visitor in a request
// of its own. They have a signal each, since none may be used by another request.

import "./memory.mjs";
import { Clients } from "./clients.mjs";
import { wasmBytes } from "./memory.mjs";

/** Between two looks at a flag of another request. */
const LOOK_AGAIN_MS = 250;

let clients;
let listeners = 0;

/** Not a promise, which another request could not wait for. */
const orders = { leave: false };

/** A signal whose listeners are counted. */
function countedSignal() {
  const { signal } = new AbortController();
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args) => {
    listeners += 1;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args) => {
    listeners -= 1;
    removeEventListener.apply(signal, args);
  };
  return signal;
}

const ACTIONS = {
  /** Answered when the client has left. */
  async follow() {
    await clients.follow(countedSignal());
    while (!orders.leave) await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    await clients.leave();
    return { listeners };
  },
  visit: () => clients.visit(countedSignal()),
  report: () => clients.report(),
  look: () => ({ listeners, wasmBytes: wasmBytes() }),
  leave() {
    orders.leave = true;
  },
};

export default {
  async fetch(request, { CONFIG }) {
    clients ??= new Clients(CONFIG);
    try {
      const action = ACTIONS[new URL(request.url).pathname.slice(1)];
      return Response.json({ answer: await action() });
    } catch (error) {
      return Response.json({ error: String(error?.stack ?? error) });
    }
  },
};
