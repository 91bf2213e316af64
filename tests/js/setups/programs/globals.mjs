// The set-up of Vitest: a program of Node's among the globals of a page. The environment's package, which gives them, and
// the address come as arguments; what is wrong is printed.

import { createRequire } from "node:module";
import { runInNewContext } from "node:vm";

const [home, environment, url] = process.argv.slice(2);
const { JSDOM, Window } = createRequire(home)(environment);
const options = { url: "http://localhost/" };
const window = JSDOM ? new JSDOM("", options).window : new Window(options);
const language = runInNewContext("Object.getOwnPropertyNames(globalThis)");
const OTHERS =
  /^(document|location|navigator|(add|remove)EventListener|dispatchEvent|on\w+|fetch|(local|session)Storage)$/;
for (const name of Object.getOwnPropertyNames(window)) {
  if (language.includes(name) || !/^[A-Z]/.test(name)) continue;
  Object.defineProperty(globalThis, name, { value: window[name], configurable: true, writable: true });
}
for (let from = window; from && from !== Object.prototype; from = Object.getPrototypeOf(from)) {
  for (const name of Object.getOwnPropertyNames(from).filter((one) => OTHERS.test(one))) {
    const value = typeof window[name] === "function" ? window[name].bind(window) : window[name];
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
}
await import("./program.mjs");
console.log(await globalThis.tryRound(url));
process.exit();
