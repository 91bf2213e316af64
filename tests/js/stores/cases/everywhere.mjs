// The stores that need nothing of the host.

import { kvStore, memoryStore } from "cometd-edge/stores";
import { storeContract } from "cometd-edge/testing";
import { about } from "./registry.mjs";

/** A host whose answers take ever less time, so that what is not waited for is overtaken. */
function hastyMap() {
  const map = new Map();
  let delayMs = 60;
  const later = (act) =>
    new Promise((resolve) => setTimeout(() => resolve(act()), (delayMs = Math.max(0, delayMs - 3))));
  return {
    map,
    get: (key) => later(() => map.get(key)),
    put: (key, value) => later(() => void map.set(key, value)),
  };
}

function kvContract(options) {
  const hosts = new Map();
  const make = (host) => {
    const store = kvStore({ ...options, get: host.get, put: host.put });
    hosts.set(store, host);
    return store;
  };
  return storeContract(() => make(hastyMap()), {
    reopen: (store) => make(hosts.get(store)),
    corrupt: (channel, store) => hosts.get(store).map.set(`cometd-edge:${channel}`, "no JSON"),
  });
}

export const everywhere = [
  ...about(
    "memoryStore",
    storeContract(() => memoryStore()),
  ),
  ...about("kvStore", kvContract({})),
  ...about("kvStore with short keys", kvContract({ maxKeyBytes: 100 })),
];
