// The clients in a process of Node's that does nothing else. All of them, and all subscriptions, are given one signal.

import "./memory.mjs";
import { getEventListeners } from "node:events";
import { setImmediate } from "node:timers/promises";
import { Clients } from "./clients.mjs";
import { wasmBytes } from "./memory.mjs";

const { signal } = new AbortController();
const clients = new Clients(JSON.parse(process.argv[2]));

/** What keeps the process alive, by kind. */
function resources() {
  const counts = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/** What is held, once all that is not has been collected. */
async function look() {
  const held = { resources: resources(), listeners: getEventListeners(signal, "abort").length };
  for (let i = 0; i < 3; i += 1) {
    await setImmediate();
    globalThis.gc();
  }
  const { heapUsed, rss } = process.memoryUsage();
  return { ...held, heapBytes: heapUsed, rssBytes: rss, wasmBytes: wasmBytes() };
}

const ACTIONS = {
  follow: () => clients.follow(signal),
  visit: () => clients.visit(signal),
  report: () => clients.report(),
  look,
  async leave() {
    await clients.leave();
    return { listeners: getEventListeners(signal, "abort").length };
  },
};

process.on("message", async ({ id, action }) => {
  try {
    process.send({ id, answer: await ACTIONS[action]() });
  } catch (error) {
    process.send({ id, error: String(error?.stack ?? error) });
  }
  // Nothing is left that could hold the process.
  if (action === "leave") process.disconnect();
});
