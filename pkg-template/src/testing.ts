/** Proof for replay stores of your own, with any test framework or none. Nothing here needs the wasm. */
export { storeContract, type StoreCase, type StoreContractOptions } from "./testing/contract.js";
export type { Position, ReplayStore } from "./types.js";
