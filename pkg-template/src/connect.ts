import { unlessAborted } from "./abort.js";
import { Client } from "./client.js";
import { Core } from "./core.js";
import { Host } from "./host.js";
import { Instance, type Loader } from "./instance.js";
import { checkOptions } from "./options.js";
import { cookieHeaderAllowed, globalFetch } from "./runtime.js";
import { plainSource, type TokenSource } from "./token.js";
import { Tokens } from "./tokens.js";
import type { ConnectOptions } from "./types.js";

/**
 * `connect()` of an entry of the package, which brings its loader.
 *
 * @param given - where tokens come from, if not from `options.auth`
 */
export async function connectWith(loader: Loader, options: ConnectOptions, given?: TokenSource): Promise<Client> {
  // What this host's `Request` says of cookies is said of its `fetch`, which the loader's own transport stands in for.
  const ownTransport = options?.fetch === undefined && loader.transport !== undefined;
  const checked = checkOptions(options, ownTransport || cookieHeaderAllowed(), given);
  const { engine, fetch, signal } = checked;
  const source =
    given ?? (options.auth === undefined ? undefined : plainSource(options.auth, engine.url, engine.networkDelayMs));
  const instance = Instance.of(loader);
  // The wasm may be wanted by others: its loading goes on.
  await unlessAborted([signal], () => instance.load());
  instance.sweep();
  const host = new Host(instance, fetch ?? loader.transport ?? globalFetch);
  const core = new Core(host, checked);
  if (source) core.tokens = new Tokens(core, source, fetch ?? globalFetch);
  host.open(core, instance.glue(), engine);
  host.link(signal);
  if (checked.resume) core.resume(checked.resume);
  await core.start();
  return new Client(core);
}
