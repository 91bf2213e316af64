import { Engine, __on_trap, __wbg_reset_state } from "../glue.js";
import type { Glue } from "../engine.js";

/** What every loader gives once the wasm runs. */
export const glue: Glue = { Engine, __on_trap, __wbg_reset_state };
