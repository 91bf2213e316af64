/** Browsers, and every bundler that knows `new URL(…, import.meta.url)`. */
import init from "../glue.js";
import type { Glue } from "../engine.js";
import type { FetchLike } from "../types.js";
import { glue } from "./glue.js";

export const transport: FetchLike | undefined = undefined;

export async function load(): Promise<Glue> {
  await init({ module_or_path: new URL("../cometd-edge.wasm", import.meta.url) });
  return glue;
}
