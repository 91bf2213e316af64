/** The wasm as text, made by `cargo xtask build`. Only `load/bytes` imports it, so nothing else carries its weight. */
export const base64: string;
