/** Node: the wasm as in `bytes`, and requests over `node:http`, which cost a fraction of its `fetch`. */
import type { FetchLike } from "../types.js";
import { nodeTransport } from "./node-transport.js";

export { load } from "./bytes.js";

export const transport: FetchLike | undefined = nodeTransport;
