// The stores in workerd: a namespace of Workers KV, and Durable Objects with either kind of storage.

import { cloudflareKvStore, durableObjectStore } from "cometd-edge/stores";
import { kvCases, storageCases } from "../cases/cloudflare.mjs";
import { everywhere } from "../cases/everywhere.mjs";
import { runCases } from "../cases/registry.mjs";

async function results(cases, grep) {
  const list = [];
  await runCases(cases, { grep, report: (result) => list.push(result) });
  return list;
}

/** What a request asks for: to run the cases, or to save or load a position that outlives the runtime. */
async function answer(request, store, cases) {
  const { grep, save, load } = await request.json();
  if (save) return Response.json((await store.save("/restart", save)) ?? null);
  if (load) return Response.json((await store.load("/restart")) ?? null);
  return Response.json(await results(cases(), grep));
}

class Keeper {
  constructor({ storage }, name) {
    this.storage = storage;
    this.name = name;
  }

  fetch(request) {
    return answer(request, durableObjectStore(this.storage), () => storageCases(this.name, this.storage));
  }
}

export class SqliteKeeper extends Keeper {
  constructor(state) {
    super(state, "SQLite");
  }
}

export class PlainKeeper extends Keeper {
  constructor(state) {
    super(state, "key-value");
  }
}

export default {
  fetch(request, env) {
    const { pathname } = new URL(request.url);
    const objects = { "/sqlite": env.SQLITE, "/plain": env.PLAIN }[pathname];
    if (objects) return objects.get(objects.idFromName("one")).fetch(request);
    return answer(request, cloudflareKvStore(env.POSITIONS), () => [...everywhere, ...kvCases(env.POSITIONS)]);
  },
};
