// The stores in a plain process of Node, Deno or Bun. It must end by itself: no store leaves anything behind.

import { CometdError } from "cometd-edge";
import { runCases } from "../cases/registry.mjs";
import { everywhere } from "../cases/everywhere.mjs";

const { host, grep, kvPath } = JSON.parse((globalThis.Deno?.args ?? process.argv.slice(2))[0]);
const report = (result) => console.log(JSON.stringify(result));

async function denoCases() {
  const { denoKvCases } = await import("../cases/deno-kv.mjs");
  const { webStorageCases } = await import("../cases/web-storage.mjs");
  const connections = await Promise.all([Deno.openKv(kvPath), Deno.openKv(kvPath)]);
  return {
    cases: [
      ...denoKvCases(...connections, CometdError),
      ...webStorageCases("localStorage", localStorage, CometdError),
      ...webStorageCases("sessionStorage", sessionStorage, CometdError),
    ],
    end: () => connections.forEach((kv) => kv.close()),
  };
}

const { cases, end } = host === "deno" ? await denoCases() : { cases: [], end() {} };
// One at a time in Deno: its local database is locked, and says so, while another connection writes.
await runCases([...everywhere, ...cases], { grep, width: host === "deno" ? 1 : 4, report });
end();
report({ done: true });
