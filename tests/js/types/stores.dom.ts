// The storages of pages are what the stores ask for.

import { type ReplayStore, webStorageStore } from "cometd-edge/stores";

export const stores: ReplayStore[] = [webStorageStore(localStorage), webStorageStore(sessionStorage, { prefix: "p:" })];
