// What a soak has found: the table that it prints, and what must not differ between the first look and the last.

const MIB = 1_048_576;

/**
 * V8 goes on compiling for long, and Node keeps the timings of 250 requests made by `fetch`: 1.3 MiB in 20 minutes. Heap
 * snapshots after 80 and 300 visits differ in nothing else. A leak of 4 kB for each visit or handshake would be over it.
 */
const HEAP_MARGIN = 2 * MIB;

/** Memory of the wasm never shrinks; a busier moment than those of the first minute may need some pages more. */
const WASM_MARGIN = 0.5 * MIB;

/**
 * A poll that goes out as soon as the last one has ended finds that connection taken still, opens another one, and both
 * are used in turn from then on.
 */
const MOST_SOCKETS = 2;

const mib = (bytes) => (bytes === undefined ? "-" : (bytes / MIB).toFixed(2));
const kinds = (resources = {}) => Object.entries(resources).map(([kind, count]) => `${kind}:${count}`);

const COLUMNS = {
  min: ({ minute }) => minute.toFixed(1),
  "heap MiB": ({ heapBytes }) => mib(heapBytes),
  "rss MiB": ({ rssBytes }) => mib(rssBytes),
  "wasm MiB": ({ wasmBytes }) => mib(wasmBytes),
  sockets: ({ sockets }) => sockets ?? "-",
  listeners: ({ listeners }) => listeners,
  sessions: ({ sessions }) => sessions,
  open: ({ openRequests }) => openRequests,
  published: ({ published }) => published,
  visits: ({ visits }) => visits,
  faults: ({ faults }) => faults,
  shakes: ({ handshakes }) => handshakes,
  gaps: ({ gaps }) => gaps,
  resources: ({ resources }) => kinds(resources).join(" ") || "-",
};

const row = (cells) => cells.map((cell, i) => String(cell).padStart(Object.keys(COLUMNS)[i].length)).join("  ");

export const heading = () => row(Object.keys(COLUMNS));
export const line = (look) => row(Object.values(COLUMNS).map((cell) => cell(look)));

/** What is wrong, in words. */
export function judge([first, ...others]) {
  const last = others.at(-1);
  if (!last) return ["there was no second look"];
  const wrong = [];
  const same = (what, before, after) => {
    if (before !== after) wrong.push(`${what}: ${before} at first, ${after} in the end`);
  };
  const within = (what, before, after, margin) => {
    if (after - before > margin) wrong.push(`${what}: grew from ${mib(before)} to ${mib(after)} MiB`);
  };
  for (const what of ["listeners", "sessions", "openRequests"]) same(what, first[what], last[what]);
  same("sessions and clients", 1, last.sessions);
  same("gaps", 0, last.gaps);
  if (last.sockets > MOST_SOCKETS) wrong.push(`sockets: ${last.sockets} in the end`);
  same("resources", kinds(first.resources).sort().join(" "), kinds(last.resources).sort().join(" "));
  within("heap", first.heapBytes, last.heapBytes, HEAP_MARGIN);
  within("memory of the wasm", first.wasmBytes, last.wasmBytes, WASM_MARGIN);
  return wrong;
}
