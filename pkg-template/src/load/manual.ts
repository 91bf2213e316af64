/** Where nothing else fits: the caller hands the wasm in. */
import start, { type WasmSource } from "../glue.js";
import type { Glue } from "../engine.js";
import type { FetchLike } from "../types.js";
import { glue } from "./glue.js";

export type { WasmSource };

export const transport: FetchLike | undefined = undefined;

let started: Promise<unknown> | undefined;

/**
 * Starts the wasm from a compiled module, its bytes, a response that brings them, or an address. Once it runs, later
 * calls do nothing; after a failure it may be called again.
 */
export async function init(source: WasmSource | Promise<WasmSource>): Promise<void> {
  const attempt = (started = start({ module_or_path: source }));
  try {
    await attempt;
  } catch (error) {
    if (started === attempt) started = undefined;
    throw error;
  }
}

export async function load(): Promise<Glue> {
  if (!started) throw new Error("cometd-edge/manual: call init(source) before connecting");
  await started;
  return glue;
}
