/** Vercel's and Next's edge runtime: the module comes by an import with a suffix of theirs. */
import wasm from "../cometd-edge.wasm?module";
import init from "../glue.js";
import type { Glue } from "../engine.js";
import type { FetchLike } from "../types.js";
import { glue } from "./glue.js";

export const transport: FetchLike | undefined = undefined;

export async function load(): Promise<Glue> {
  await init({ module_or_path: wasm });
  return glue;
}
