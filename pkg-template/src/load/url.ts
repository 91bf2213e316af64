/** Browsers, and every bundler that knows `new URL(…, import.meta.url)`. */
import init from "../glue.js";
import type { Glue } from "../engine.js";
import type { FetchLike } from "../types.js";
import { compile } from "./compile.js";
import { loadError } from "./error.js";
import { glue } from "./glue.js";

export const transport: FetchLike | undefined = undefined;

const INLINE = 'import "cometd-edge/inline", which brings it along';

export async function load(): Promise<Glue> {
  let address: URL;
  try {
    // In this form bundlers find the file and take it along; those that do not leave it beside the bundle.
    address = new URL("./cometd-edge.wasm", import.meta.url);
  } catch (cause) {
    throw loadError(cause, `this bundle has no import.meta.url: make it an ES module, or ${INLINE}`);
  }
  const { href } = address;
  let response: Response;
  try {
    response = await fetch(href);
  } catch (cause) {
    throw loadError(cause, `where it cannot be fetched, ${INLINE}`, href);
  }
  try {
    await init({ module_or_path: await compile(response) });
  } catch (cause) {
    // Vite's server for development moves the code of dependencies, without their files.
    const help = /\/\.vite\//.test(href)
      ? 'set optimizeDeps: { exclude: ["cometd-edge"] } in the configuration of Vite'
      : `copy cometd-edge/cometd-edge.wasm there, beside the bundle, or ${INLINE}`;
    throw loadError(cause, help, href);
  }
  return glue;
}
