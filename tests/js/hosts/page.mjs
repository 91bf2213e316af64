// The suite in a page: the runner calls `suite.run` once for each case.

import { connect, CometdError } from "cometd-edge";
import { cases, contexts, describe, runCase } from "../contract/index.mjs";

const stray = [];
addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  stray.push(describe(event.reason));
});
addEventListener("error", (event) => stray.push(describe(event.error ?? event.message)));

globalThis.suite = {
  stray,
  run({ name, target, run }) {
    const one = cases.find((known) => known.name === name);
    return runCase(one, contexts({ connect, CometdError }, target, run));
  },
};
