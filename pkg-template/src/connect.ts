import { Client } from "./client.js";
import { Core } from "./core.js";
import { Host } from "./host.js";
import { Instance, type Loader } from "./instance.js";
import { checkOptions } from "./options.js";
import { globalFetch } from "./runtime.js";
import type { ConnectOptions } from "./types.js";

/** `connect()` of an entry of the package, which brings its loader. */
export async function connectWith(loader: Loader, options: ConnectOptions): Promise<Client> {
  const checked = checkOptions(options);
  const { signal } = checked;
  const instance = Instance.of(loader);
  await unlessAborted(instance, signal);
  instance.sweep();
  const host = new Host(instance, checked.fetch ?? loader.transport ?? globalFetch);
  const core = new Core(host, checked);
  host.open(core, instance.glue(), checked.engine);
  host.link(signal);
  await core.start();
  return new Client(core);
}

/** Loads the wasm. It is not stopped by the signal, since others may wait for it, but this call is. */
async function unlessAborted(instance: Instance, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted) throw signal.reason;
  let unlink: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    if (!signal) return;
    const listener = () => reject(signal.reason);
    signal.addEventListener("abort", listener, { once: true });
    unlink = () => signal.removeEventListener("abort", listener);
  });
  try {
    await Promise.race([instance.load(), aborted]);
  } finally {
    unlink?.();
  }
  if (signal?.aborted) throw signal.reason;
}
