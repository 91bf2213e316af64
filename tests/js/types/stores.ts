// What users write with stores, as usage.ts.

import { connect } from "cometd-edge";
import {
  type CloudflareKvStoreOptions,
  type DenoKvStoreOptions,
  denoKvStore,
  indexedDbStore,
  type KvStoreOptions,
  kvStore,
  memoryStore,
  type Position,
  type PrefixOptions,
  type ReplayStore,
  webStorageStore,
} from "cometd-edge/stores";
import { type StoreCase, storeContract, type StoreContractOptions } from "cometd-edge/testing";

interface Redis {
  get(key: string): Promise<string | null>;
  set(key: string, value: string): Promise<"OK">;
}

export async function kept(redis: Redis, map: Map<string, Position>, prefix: string | undefined): Promise<void> {
  const options: KvStoreOptions = { get: (key) => redis.get(key), put: (key, value) => redis.set(key, value), prefix };
  const stores: ReplayStore[] = [
    memoryStore(),
    memoryStore({ "/a": { replayId: "1" } }),
    memoryStore(map),
    indexedDbStore("orders"),
    kvStore(options),
  ];
  for (const store of stores) await connect({ url: "https://example.com/cometd", replay: { store } });
  const position: Position | undefined = await stores[0]?.load("/a");
  await stores[0]?.save("/a", { replayId: "1", createdDate: position?.createdDate });
  // @ts-expect-error: a replay id has more digits than a number can hold
  await stores[0]?.save("/a", { replayId: 1 });
  // @ts-expect-error: a name is needed
  indexedDbStore();
  // @ts-expect-error: it cannot be written to
  kvStore({ get: options.get });
  // @ts-expect-error: it is not a storage
  webStorageStore(redis);
  // @ts-expect-error: it is not Deno's
  denoKvStore(redis);
}

export const options: [PrefixOptions, CloudflareKvStoreOptions, DenoKvStoreOptions] = [
  { prefix: "a" },
  { prefix: "a", minIntervalMs: 1_000 },
  { prefix: "a" },
];

/** A store of the user's own. */
class Mine implements ReplayStore {
  readonly #positions = new Map<string, Position>();
  load(channel: string): Promise<Position | undefined> {
    return Promise.resolve(this.#positions.get(channel));
  }
  save(channel: string, position: Position): Promise<void> {
    this.#positions.set(channel, position);
    return Promise.resolve();
  }
}

export async function proved(): Promise<void> {
  const more: StoreContractOptions = {
    reopen: (store) => store,
    corrupt: async (channel, store) => store.save(channel, { replayId: "" }),
    channelBytes: 512,
    callLimitMs: undefined,
  };
  const cases: StoreCase[] = [...storeContract(() => new Mine()), ...storeContract(async () => new Mine(), more)];
  for (const { name, run } of cases) await run().catch((error: unknown) => console.error(name, error));
}
