// Deno KV in a file, with a connection each for two that write.

import { denoKvStore } from "cometd-edge/stores";
import { storeContract } from "cometd-edge/testing";
import { equal, rejection, same, typed } from "../../contract/assert.mjs";
import { about, aroundLimit } from "./registry.mjs";

let channels = 0;
const channel = () => `/deno/${(channels += 1)}`;

async function isSecondWriter(promise, CometdError) {
  const error = await rejection(promise, "the save of the second writer");
  typed(error, CometdError, "store-failed");
  equal(error.retryable, false, "retryable");
  if (!/second writer/.test(error.message)) throw error;
}

/** Does what it is told; after that the answer is lost on its way. */
function withLostAnswers(kv, lost) {
  const lose = (operation) => ({
    check: (...checks) => lose(operation.check(...checks)),
    set: (key, value) => lose(operation.set(key, value)),
    async commit() {
      const result = await operation.commit();
      if (lost.pop()) throw new Error("the answer was lost");
      return result;
    },
  });
  return { get: (key) => kv.get(key), atomic: () => lose(kv.atomic()) };
}

export function denoKvCases(first, second, CometdError) {
  const contract = storeContract(() => denoKvStore(first), {
    reopen: () => denoKvStore(second),
    corrupt: (name) => first.set(["cometd-edge", name], { replayId: 5n }),
  });
  return about("denoKvStore", [
    ...contract,
    aroundLimit(2_048, () => denoKvStore(first)),
    {
      name: "of two writers one is told so, until it loads",
      async run() {
        const [a, b, name] = [denoKvStore(first), denoKvStore(second), channel()];
        await Promise.all([a.load(name), b.load(name)]);
        await a.save(name, { replayId: "a1" });
        await isSecondWriter(b.save(name, { replayId: "b1" }), CometdError);
        await a.save(name, { replayId: "a2" });
        await isSecondWriter(b.save(name, { replayId: "b2" }), CometdError);
        same(await b.load(name), { replayId: "a2" }, "position");
        await b.save(name, { replayId: "b3" });
        await isSecondWriter(a.save(name, { replayId: "a3" }), CometdError);
        same(await a.load(name), { replayId: "b3" }, "position");
      },
    },
    {
      name: "a position that somebody removed is not written again",
      async run() {
        const [store, name] = [denoKvStore(first), channel()];
        await store.save(name, { replayId: "1" });
        await second.delete(["cometd-edge", name]);
        await isSecondWriter(store.save(name, { replayId: "2" }), CometdError);
        equal(await store.load(name), undefined, "position");
        await store.save(name, { replayId: "3" });
      },
    },
    {
      name: "a write whose answer was lost is no second writer",
      async run() {
        const lost = [];
        const [store, name] = [denoKvStore(withLostAnswers(first, lost)), channel()];
        await store.save(name, { replayId: "1" });
        lost.push(true, true);
        for (const replayId of ["2", "3"]) {
          const error = await rejection(store.save(name, { replayId }));
          typed(error, CometdError, "store-failed");
          equal(error.retryable, true, "retryable");
        }
        await store.save(name, { replayId: "4" });
        same(await denoKvStore(second).load(name), { replayId: "4" }, "position");
        lost.push(true);
        await rejection(store.save(name, { replayId: "5" }));
        await second.set(["cometd-edge", name], { replayId: "somebody else's" });
        await isSecondWriter(store.save(name, { replayId: "6" }), CometdError);
      },
    },
    {
      name: "a closed database is a typed error",
      async run() {
        const kv = await Deno.openKv(":memory:");
        const store = denoKvStore(kv);
        kv.close();
        typed(await rejection(store.load("/a")), CometdError, "store-failed");
        typed(await rejection(store.save("/a", { replayId: "1" })), CometdError, "store-failed");
      },
    },
  ]);
}
