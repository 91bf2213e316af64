// The suite in workerd: each request is one case, named in its body, so that cases side by side belong to different
// requests of one isolate, as they do in production. A case that needs it is run inside a Durable Object.

import { cloudflareKvStore, durableObjectStore } from "cometd-edge/stores";
import { cases, contexts, describe, runCase } from "../contract/index.mjs";
import { library } from "./library.mjs";

const stray = [];
addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  stray.push(describe(event.reason));
});

/** Ends its request with a client that polls; workerd then drops all that belongs to the request, without a word. */
async function leaveOneBehind(target, run) {
  const t = contexts(library(), target, run)("left behind");
  const client = await t.client();
  await client.subscribe(t.channel());
  return Response.json(client.state);
}

async function runIn({ name, target, run }, hostStores) {
  const one = cases.find((known) => known.name === name);
  return Response.json(await runCase(one, contexts(library(hostStores), target, run)));
}

export class Keeper {
  #storage;

  constructor({ storage }) {
    this.#storage = storage;
  }

  async fetch(request) {
    const durable = (prefix) => durableObjectStore(this.#storage, { prefix });
    return runIn(await request.json(), { durableObjectStore: durable });
  }
}

export default {
  async fetch(request, { POSITIONS, KEEPER }) {
    if (request.method === "GET") return Response.json(stray);
    const task = await request.json();
    if (task.leave) return leaveOneBehind(task.target, task.run);
    const { needs } = cases.find(({ name }) => name === task.name);
    if (needs.includes("durableObjectStore")) {
      const body = JSON.stringify(task);
      return KEEPER.get(KEEPER.newUniqueId()).fetch("http://keeper/", { method: "POST", body });
    }
    return runIn(task, { cloudflareKvStore: (prefix) => cloudflareKvStore(POSITIONS, { prefix }) });
  },
};
