// The suite in a plain process of Node, Deno or Bun. What to run comes as JSON in the one argument; results leave as a
// line of JSON each. The process must then end by itself: a closed client leaves nothing behind that would hold it.

import { connect, CometdError } from "cometd-edge";
import { applicable, contexts, describe, runAll } from "../contract/index.mjs";

const { runtime, target, run, grep, width } = JSON.parse((globalThis.Deno?.args ?? process.argv.slice(2))[0]);
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

const makeContext = contexts({ connect, CometdError }, target, run);
await runAll(applicable(target.features, grep), { width, makeContext, report });
report({ done: true });
