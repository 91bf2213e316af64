// The suite in a page: the runner calls `suite.run` once for each case.

import { indexedDbStore, webStorageStore } from "cometd-edge/stores";
import { cases, contexts, describe, runCase } from "../contract/index.mjs";
import { library } from "./library.mjs";

const stray = [];
addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  stray.push(describe(event.reason));
});
addEventListener("error", (event) => stray.push(describe(event.error ?? event.message)));

const hostStores = {
  indexedDbStore: (name) => indexedDbStore(name),
  "webStorageStore(localStorage)": (prefix) => webStorageStore(localStorage, { prefix }),
  "webStorageStore(sessionStorage)": (prefix) => webStorageStore(sessionStorage, { prefix }),
};

globalThis.suite = {
  stray,
  run({ name, target, run }) {
    const one = cases.find((known) => known.name === name);
    return runCase(one, contexts(library(hostStores), target, run));
  },
};
