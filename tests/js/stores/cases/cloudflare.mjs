// Workers KV and the storage of Durable Objects, both real ones of workerd.

import { cloudflareKvStore, durableObjectStore } from "cometd-edge/stores";
import { storeContract } from "cometd-edge/testing";
import { equal, ok, same } from "../../contract/assert.mjs";
import { about, aroundLimit } from "./registry.mjs";

/** The namespace, and what was put and when. */
function watched(namespace) {
  const puts = [];
  const put = async (key, value) => {
    puts.push({ value, startedAt: performance.now() });
    await namespace.put(key, value);
  };
  return { puts, get: (key) => namespace.get(key), put };
}

export function kvCases(namespace) {
  const make = () => cloudflareKvStore(namespace, { minIntervalMs: 0 });
  const contract = storeContract(make, {
    reopen: make,
    corrupt: (channel) => namespace.put(`cometd-edge:${channel}`, "[]"),
  });
  return about("cloudflareKvStore", [
    ...contract,
    aroundLimit(512, make),
    {
      name: "the newest position waits for its turn, a second after the one before",
      async run() {
        const { puts, ...host } = watched(namespace);
        const store = cloudflareKvStore(host);
        await Promise.all(["1", "2", "3"].map((replayId) => store.save("/rate", { replayId })));
        same(
          puts.map(({ value }) => value),
          ['{"replayId":"1"}', '{"replayId":"3"}'],
          "what was put",
        );
        const waited = puts[1].startedAt - puts[0].startedAt;
        ok(waited >= 999, `it waited for ${waited} ms only`);
        same(await store.load("/rate"), { replayId: "3" }, "position");
      },
    },
  ]);
}

export function storageCases(name, storage) {
  const contract = storeContract(() => durableObjectStore(storage), {
    reopen: () => durableObjectStore(storage),
    corrupt: (channel) => storage.put(`cometd-edge:${channel}`, { createdDate: "2026-11-21" }),
  });
  return about(`durableObjectStore(${name})`, [
    ...contract,
    aroundLimit(2_048, () => durableObjectStore(storage)),
    {
      name: "positions stand beside other things, by a prefix",
      async run() {
        await storage.put("mine:/a", { replayId: "1" });
        equal(await durableObjectStore(storage).load("/a"), undefined, "position with another prefix");
        same(await durableObjectStore(storage, { prefix: "mine:" }).load("/a"), { replayId: "1" }, "position");
      },
    },
  ]);
}
