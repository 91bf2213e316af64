/** Vercel's and Next's edge runtime: the module comes by an import with a suffix of theirs. */
import wasm from "./cometd-edge.wasm?module";
import init from "../glue.js";
import type { Glue } from "../engine.js";
import type { FetchLike } from "../types.js";
import { loadError } from "./error.js";
import { glue } from "./glue.js";

export const transport: FetchLike | undefined = undefined;

export async function load(): Promise<Glue> {
  try {
    await init({ module_or_path: wasm });
  } catch (cause) {
    throw loadError(cause, "the bundler must hand cometd-edge.wasm?module over as a compiled module, as Next does");
  }
  return glue;
}
