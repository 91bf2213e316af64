// Several readers of a channel, one after the other and side by side, and events that nobody commits.

import { equal, same } from "./assert.mjs";
import { comes, HELD, noGaps, ORDERS, orgTest, settled } from "./salesforce-org.mjs";
import { reader, take } from "./tools.mjs";

/** What a channel has cost so far. */
const asked = async ({ world }) => {
  const { requestsByKind } = await world.stats();
  return { handshakes: requestsByKind.handshake, subscribes: requestsByKind.subscribe };
};

orgTest("R7b a view that is mounted twice causes no request", { config: HELD }, async (org) => {
  const { client, status } = await settled(org, { replay: { start: "all", commit: "manual" } });
  const before = await asked(org);
  for (let mounted = 0; mounted < 2; mounted += 1) {
    let seen = 0;
    for await (const _ of await client.subscribe(ORDERS)) if ((seen += 1) === 5) break;
  }
  same(await asked(org), before, "requests");
  noGaps(status);
});

orgTest("R7b a second reader is given all that is not committed, and the first nothing twice", async (org) => {
  const { client, events, status } = await org.following({ replay: { start: "all", commit: "manual" } });
  await org.publishNumbers(3);
  const given = await take(events, 3);
  await given[0].commit();
  const second = reader(await client.subscribe(ORDERS));
  await comes(second, 2, 3);
  await org.publishNumbers(1);
  await comes(events, 4, 4);
  await comes(second, 4, 4);
  noGaps(status);
});

orgTest("P3 events that are not committed stop reading, and backpressure says so", async (org) => {
  const limits = { uncommittedEvents: 3 };
  const { events, status } = await org.following({ replay: { start: "all", commit: "manual" }, limits });
  await org.publishNumbers(3);
  const given = await take(events, 3);
  const waiting = events.next();
  const stopped = await status.for("backpressure", ({ active }) => active);
  same([stopped.limit, stopped.channel], ["uncommittedEvents", ORDERS], "what is told");
  await Promise.all(given.map((event) => event.commit()));
  await status.for("backpressure", ({ active }) => !active);
  await org.publishNumbers(1);
  equal((await waiting).value.data.payload.n, 4, "the next event");
  noGaps(status);
});
