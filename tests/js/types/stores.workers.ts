// The storages of Cloudflare are what the stores ask for.

import { cloudflareKvStore, durableObjectStore, type ReplayStore } from "cometd-edge/stores";

export function ofWorker(env: { POSITIONS: KVNamespace }): ReplayStore[] {
  return [cloudflareKvStore(env.POSITIONS), cloudflareKvStore(env.POSITIONS, { prefix: "p:" })];
}

export function ofObject(state: DurableObjectState): ReplayStore[] {
  return [durableObjectStore(state.storage), durableObjectStore(state.storage, { prefix: undefined })];
}
