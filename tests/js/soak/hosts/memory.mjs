// The memory of the wasm, which the package gives nobody: taken where the wasm is instantiated. To be imported first.

const memories = [];

function taken(instance) {
  memories.push(...Object.values(instance.exports).filter((one) => one instanceof WebAssembly.Memory));
  return instance;
}

const { instantiate, Instance } = WebAssembly;
WebAssembly.instantiate = async (...args) => {
  const made = await instantiate(...args);
  taken(made.instance ?? made);
  return made;
};
WebAssembly.Instance = new Proxy(Instance, {
  construct: (target, args) => taken(new target(...args)),
});

/** The parser of Node's own `fetch` is wasm, too, but a small one. */
export const wasmBytes = () => Math.max(0, ...memories.map(({ buffer }) => buffer.byteLength));
