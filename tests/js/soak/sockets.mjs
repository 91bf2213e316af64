// Connections, as the system counts them.

import { readFileSync } from "node:fs";

const ESTABLISHED = "01";

/** How many connections to a port of this machine are open; `undefined` where the system does not say. */
export function socketsOf(port) {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  let table;
  try {
    table = readFileSync("/proc/net/tcp", "utf8");
  } catch {
    return undefined;
  }
  const rows = table.trim().split("\n").slice(1);
  return rows.filter((row) => {
    const [, local, , state] = row.trim().split(/\s+/);
    return local.endsWith(`:${wanted}`) && state === ESTABLISHED;
  }).length;
}
