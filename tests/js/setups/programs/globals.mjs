// The set-up of Vitest: a program of Node's among the globals of a page. The environment's package, which gives them, and
// the address come as arguments; what is wrong is printed.

import { createRequire } from "node:module";

const [home, environment, url] = process.argv.slice(2);
const { JSDOM, Window } = createRequire(home)(environment);
const window = JSDOM ? new JSDOM("", { url: "http://localhost/" }).window : new Window({ url: "http://localhost/" });
for (const name of Object.getOwnPropertyNames(window)) {
  // What the language itself gives stays, and so do Node's timers.
  if (
    /^(undefined|NaN|Infinity|eval|globalThis|global|process|console|(set|clear)(Timeout|Interval|Immediate))$/.test(
      name,
    )
  )
    continue;
  if (
    /^(queueMicrotask|WebAssembly|[A-Z][A-Za-z0-9]*(Array|Error)|Array|Map|Set|WeakMap|Promise|Object|Function)$/.test(
      name,
    )
  )
    continue;
  const value = window[name];
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}
await import("./program.mjs");
console.log(await globalThis.tryRound(url));
process.exit();
