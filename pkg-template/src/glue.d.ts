/**
 * The generated module beside the wasm. This file is written by hand and says no more of it than the loaders use;
 * `cargo xtask build` puts the module itself next to the compiled sources.
 */
import type { Engine as EngineInstance, Glue } from "./engine.js";

export const Engine: Glue["Engine"];
export type Engine = EngineInstance;
export const __on_trap: Glue["__on_trap"];
export const __wbg_reset_state: Glue["__wbg_reset_state"];

/** A compiled module; not every runtime's types have a name for it. */
export type WasmModule = typeof globalThis extends { WebAssembly: { Module: new (...args: never[]) => infer Module } }
  ? Module
  : object;

/** What wasm can be made from; a `Response` or an address is fetched, the rest is compiled. */
export type WasmSource = WasmModule | ArrayBuffer | ArrayBufferView | Response | URL | string;

/** Runs the wasm once: later calls return what the first one gave, and a failed one may be repeated. */
export default function init(options: { module_or_path: WasmSource | Promise<WasmSource> }): Promise<unknown>;

/** The same for a module or bytes at hand. */
export function initSync(options: { module: WasmModule | ArrayBuffer | ArrayBufferView }): unknown;
