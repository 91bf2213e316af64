// A page that follows a channel, keeps its positions in IndexedDB, and goes where it is told to. It tells the runner what
// it sees; nothing of that is under way while it is hidden, which would keep it out of the browser's cache.

import { connectSalesforce, password } from "cometd-edge/salesforce";
import { indexedDbStore } from "cometd-edge/stores";

const CHANNEL = "/event/Order__e";
const { login, runner, credentials } = Object.fromEntries(new URLSearchParams(location.search));

const transitions = [];
const tell = (what) => fetch(runner, { method: "POST", body: JSON.stringify(what) });

for (const type of ["pagehide", "pageshow"]) {
  addEventListener(type, ({ persisted }) => {
    transitions.push({ type, persisted });
    if (type === "pageshow") void tell({ transitions });
  });
}

const client = await connectSalesforce({
  loginUrl: new URL(login, location.href),
  auth: password(JSON.parse(credentials)),
  replay: { store: indexedDbStore("short-runs"), start: "all" },
  retry: { initialDelayMs: 20, maxDelayMs: 200, handshakesPerMinute: 1_000, sessionWindowMs: 1_000 },
});
void (async () => {
  for await (const status of client.status()) if (status.type === "gap") void tell({ gap: status.cause });
})();
for await (const { data } of await client.subscribe(CHANNEL)) {
  const { n, go } = data.payload;
  await tell({ n, state: client.state });
  const away = `away.html?${new URLSearchParams({ runner })}`;
  if (go === "away") {
    const back = new Promise((resolve) => addEventListener("pageshow", resolve, { once: true }));
    location.assign(away);
    await back;
  }
  // Leaves nothing in the history to come back to.
  if (go === "for good") location.replace(away);
}
