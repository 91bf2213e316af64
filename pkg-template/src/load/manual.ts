/** Where nothing else fits: the caller hands the wasm in. */
import start, { type WasmSource } from "../glue.js";
import type { Glue } from "../engine.js";
import { CometdError, isCometdError } from "../errors.js";
import type { FetchLike } from "../types.js";
import { compile } from "./compile.js";
import { loadError } from "./error.js";
import { glue } from "./glue.js";

export type { WasmSource };

export const transport: FetchLike | undefined = undefined;

let started: Promise<unknown> | undefined;

/**
 * Starts the wasm from a compiled module, its bytes, a response that brings them, or an address. Once it runs, later
 * calls do nothing; after a failure it may be called again.
 *
 * @throws CometdError `"wasm-load"`
 */
export async function init(source: WasmSource | Promise<WasmSource>): Promise<void> {
  const attempt = (started = run(source));
  try {
    await attempt;
  } catch (error) {
    if (started === attempt) started = undefined;
    throw error;
  }
}

export async function load(): Promise<Glue> {
  if (!started) throw new CometdError("wasm-load", "cometd-edge/manual: call init(source) before connecting");
  await started;
  return glue;
}

async function run(source: WasmSource | Promise<WasmSource>): Promise<void> {
  let place: string | undefined;
  try {
    let given = await source;
    if (typeof given === "string" || "href" in given) {
      place = String(given);
      given = await fetch(place);
    }
    await start({ module_or_path: "arrayBuffer" in given ? await compile(given) : given });
  } catch (cause) {
    throw isCometdError(cause) ? cause : loadError(cause, "", place);
  }
}
