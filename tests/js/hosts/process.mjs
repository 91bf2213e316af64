// The suite in a plain process of Node, Deno or Bun. What to run comes as JSON in the one argument; results leave as a
// line of JSON each. The process must then end by itself: a closed client leaves nothing behind that would hold it.

import { denoKvStore, webStorageStore } from "cometd-edge/stores";
import { applicable, contexts, describe, runAll } from "../contract/index.mjs";
import { library } from "./library.mjs";

const { runtime, target, run, grep, width, kvDir } = JSON.parse((globalThis.Deno?.args ?? process.argv.slice(2))[0]);
const report = (result) => console.log(JSON.stringify(result));

// A host ends, or says nothing, when a rejection or an error reaches it; here it is a failure that has a name.
const stray = (kind, error) =>
  report({ name: `no ${kind} reaches the host`, ok: false, ms: 0, error: describe(error) });
if (runtime === "deno") {
  addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    stray("unhandled rejection", event.reason);
  });
  addEventListener("error", (event) => {
    event.preventDefault();
    stray("uncaught exception", event.error);
  });
} else {
  process.on("unhandledRejection", (reason) => stray("unhandled rejection", reason));
  process.on("uncaughtException", (error) => stray("uncaught exception", error));
}

/**
 * Deno's own: a database for each case, so that none finds it locked by another, and a connection each for two clients of
 * a case, as for two runs of a program.
 */
const opened = [];
const denoStores = {
  async denoKvStore(prefix) {
    const kv = await Deno.openKv(`${kvDir}/${prefix}.sqlite`);
    opened.push(kv);
    return denoKvStore(kv, { prefix });
  },
  "webStorageStore(localStorage)": (prefix) => webStorageStore(localStorage, { prefix }),
};

const makeContext = contexts(library(runtime === "deno" ? denoStores : {}), target, run);
await runAll(applicable(target.features, grep), { width, makeContext, report });
for (const kv of opened) kv.close();
report({ done: true });
