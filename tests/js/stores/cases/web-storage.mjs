// localStorage and sessionStorage, where there are any.

import { webStorageStore } from "cometd-edge/stores";
import { storeContract } from "cometd-edge/testing";
import { equal, rejection, typed } from "../../contract/assert.mjs";
import { about } from "./registry.mjs";

/** Fills a storage up to its last byte; returns what empties it again. */
function fill(storage) {
  const keys = [];
  for (let size = 1_000_000; size >= 1; size = Math.floor(size / 2)) {
    for (;;) {
      const key = `fill${keys.length}`;
      try {
        storage.setItem(key, "x".repeat(size));
      } catch {
        break;
      }
      keys.push(key);
    }
  }
  return () => keys.forEach((key) => storage.removeItem(key));
}

function peculiar(storage, CometdError) {
  return [
    {
      name: "a full storage is a typed error, and the position before stays",
      alone: true,
      async run() {
        const store = webStorageStore(storage, { prefix: "full:" });
        await store.save("/a", { replayId: "1" });
        const empty = fill(storage);
        try {
          const error = await rejection(store.save("/a", { replayId: "9".repeat(10_000) }));
          typed(error, CometdError, "store-failed");
          equal(error.channel, "/a", "channel");
          equal(error.retryable, true, "retryable");
          equal(error.cause.name, "QuotaExceededError", "cause");
          equal((await store.load("/a")).replayId, "1", "position");
        } finally {
          empty();
        }
        await store.save("/a", { replayId: "2" });
      },
    },
    {
      name: "a position is there before save() returns",
      async run() {
        const channel = `/sync/${Math.random()}`;
        const saving = webStorageStore(storage).save(channel, { replayId: "1" });
        equal(storage.getItem(`cometd-edge:${channel}`), '{"replayId":"1"}', "what is stored");
        await saving;
      },
    },
  ];
}

export function webStorageCases(name, storage, CometdError) {
  const contract = storeContract(() => webStorageStore(storage), {
    reopen: () => webStorageStore(storage),
    corrupt: (channel) => storage.setItem(`cometd-edge:${channel}`, '{"replayId":5}'),
  });
  return about(`webStorageStore(${name})`, [...contract, ...peculiar(storage, CometdError)]);
}
