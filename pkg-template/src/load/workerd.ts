/** Cloudflare: wasm may not be compiled there, only imported. */
import wasm from "../cometd-edge.wasm";
import { initSync } from "../glue.js";
import type { Glue } from "../engine.js";
import type { FetchLike } from "../types.js";
import { glue } from "./glue.js";

export const transport: FetchLike | undefined = undefined;

export async function load(): Promise<Glue> {
  initSync({ module: wasm });
  return glue;
}
