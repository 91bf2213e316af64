// Checked by `deno check`: the real types of the host are what the stores ask for.

import { denoKvStore, type ReplayStore, webStorageStore } from "cometd-edge/stores";

export const stores: ReplayStore[] = [
  denoKvStore(await Deno.openKv()),
  denoKvStore(await Deno.openKv(), { prefix: "positions" }),
  webStorageStore(localStorage),
  webStorageStore(sessionStorage, { prefix: undefined }),
];
