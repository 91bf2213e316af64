// Following Salesforce's channels: what an event is like on each kind, and how one is published.

import { equal, ok, same } from "./assert.mjs";
import { allCome, comes, goesOn, noGaps, numbersOf, ORDERS, orgTest } from "./salesforce-org.mjs";
import { reader, take } from "./tools.mjs";

const SOON_MS = 3_600_000;

/** Is it a time as Salesforce writes it, about now? */
function recent(text) {
  ok(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(text), `a time, not ${text}`);
  ok(Math.abs(Date.parse(text) - Date.now()) < SOON_MS, `about now, not ${text}`);
}

/** The one event that comes, and its replay id as the control API told it. */
async function arrives(org, channel, data, event) {
  const { events, client } = await org.following({}, channel);
  const { replayIds } = await org.publish(channel.split("?")[0], data, event);
  const [arrived] = await take(events, 1);
  equal(arrived.replayId, String(replayIds[0]), "replayId");
  equal(arrived.channel, channel.split("?")[0], "channel");
  same(JSON.parse(arrived.raw).data, arrived.data, "raw");
  same(Object.keys(arrived.toJSON()).includes("replayId"), true, "toJSON has the replayId");
  return { arrived, client, events };
}

orgTest("a PushTopic's event has its record, type and date", async (org) => {
  const record = { Id: "001000000000001AAA", Name: "Ä “quoted” \u{1f600}", Amount: 12.5, n: 1 };
  const { arrived } = await arrives(org, "/topic/Orders", record);
  same(arrived.data.sobject, record, "sobject");
  equal(arrived.data.event.type, "created", "type");
  equal(arrived.createdDate, arrived.data.event.createdDate, "createdDate");
  recent(arrived.createdDate);
});

orgTest("a PushTopic's filter lets through what it names, and nothing else", async (org) => {
  const channel = "/topic/Orders?Status='open'&Status='new'";
  const { events, subscription } = await org.following({}, channel);
  same(subscription.channels, [channel], "channels");
  for (const [n, Status] of [
    [1, "open"],
    [0, "closed"],
    [2, "new"],
    [0, "void"],
    [3, "open"],
  ]) {
    await org.publish("/topic/Orders", { n, Status });
  }
  await comes(events, 1, 3);
});

orgTest("a filtered PushTopic goes on from its position when the session is lost", async (org) => {
  const channel = "/topic/Orders?Status='open'";
  const { events, status } = await org.following({}, channel);
  await org.publish("/topic/Orders", { n: 1, Status: "open" });
  await comes(events, 1, 1);
  await org.world.forget();
  await org.publish("/topic/Orders", { n: 2, Status: "open" });
  await org.publish("/topic/Orders", { n: 0, Status: "closed" });
  await org.publish("/topic/Orders", { n: 3, Status: "open" });
  await allCome(events, 2, 3);
  noGaps(status);
});

orgTest("a generic event has its text and date", async (org) => {
  const text = 'A line,\n"quoted" \\ and ü\u2028.';
  const { arrived } = await arrives(org, "/u/notifications/orders", text);
  equal(arrived.data.payload, text, "payload");
  equal(arrived.createdDate, arrived.data.event.createdDate, "createdDate");
  recent(arrived.createdDate);
});

orgTest("a generic event is pushed over REST", async (org) => {
  const { client, events } = await org.following({}, "/u/notifications");
  const path = "/services/data/v67.0/sobjects/StreamingChannel/0M6000000000001AAA/push";
  const response = await client.request(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ pushEvents: [{ payload: "hello", userIds: [] }] }),
  });
  same(await response.json(), [{ fanoutCount: -1, userOnlineStatus: {} }], "answer");
  equal((await events.next()).value.data.payload, "hello", "payload");
});

orgTest("a platform event has its payload, schema and UUID", async (org) => {
  const fields = { Number__c: "A-1", Amount__c: 0.1, Note__c: null };
  const { arrived } = await arrives(org, ORDERS, fields);
  const { CreatedDate, CreatedById, ...payload } = arrived.data.payload;
  same(payload, fields, "payload");
  recent(CreatedDate);
  ok(/^005\w{15}$/.test(CreatedById), `a user, not ${CreatedById}`);
  ok(/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/.test(arrived.data.event.EventUuid), "EventUuid");
  ok(arrived.data.schema.length > 10, "schema");
});

orgTest("a custom channel of platform events is followed", async (org) => {
  const { arrived } = await arrives(org, "/event/Shop__chn", { n: 7 });
  equal(arrived.data.payload.n, 7, "n");
});

for (const [channel, entity] of [
  ["/data/ChangeEvents", "Account"],
  ["/data/AccountChangeEvent", "Account"],
  ["/data/Order__ChangeEvent", "Order__c"],
]) {
  orgTest(`a change event of ${channel} has its header and fields`, async (org) => {
    const { arrived } = await arrives(org, channel, {
      Name: "Acme",
      ChangeEventHeader: { changeType: "UPDATE", changedFields: ["Name"] },
    });
    const { ChangeEventHeader: header, ...fields } = arrived.data.payload;
    same(fields, { Name: "Acme" }, "fields");
    equal(header.entityName, entity, "entityName");
    equal(header.changeType, "UPDATE", "changeType");
    same(header.changedFields, ["Name"], "changedFields");
    equal(header.recordIds.length, 1, "recordIds");
  });
}

orgTest("an event published by client.request() arrives", async (org) => {
  const { client, events } = await org.following();
  for (let n = 1; n <= 3; n += 1) {
    const response = await client.request("/services/data/v67.0/sobjects/Order__e", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ n }),
    });
    equal(response.status, 201, "status");
    const { success, errors } = await response.json();
    same({ success, errors }, { success: true, errors: [] }, "answer");
  }
  await comes(events, 1, 3);
});

/** Beyond what a number holds: 2^53 is 9007199254740992. */
const BASE = "1152921504606846000";

for (const [form, wanted] of [
  ["number", /^11529215046068460\d\d$/],
  ["string", /^11529215046068460\d\d$/],
  ["opaque", /^r-11529215046068460\d\d$/],
]) {
  orgTest(
    `replay ids above 2^53 written as ${form} come, are kept and go back digit for digit`,
    { config: { replayIdBase: BASE, replayIdForm: form } },
    async (org) => {
      const positions = new Map();
      const store = {
        load: async (channel) => positions.get(channel),
        save: async (channel, position) => void positions.set(channel, position),
      };
      const { client, events, status } = await org.following({ replay: { store, start: "all" } });
      await org.publishNumbers(20);
      const seen = await take(events, 20);
      same(numbersOf(seen).at(-1), 20, "the last number");
      const ids = seen.map(({ replayId }) => replayId);
      equal(new Set(ids).size, 20, "different ids");
      for (const [i, id] of ids.entries()) {
        ok(wanted.test(id), `an id, not ${id}`);
        // In the text of the message it stands as it was given out.
        ok(seen[i].raw.includes(form === "number" ? `"replayId":${id}` : `"replayId":"${id}"`), seen[i].raw);
      }
      await org.world.forget();
      await goesOn(org, events, 20);
      noGaps(status);
      await client.close();
      ok(ids.includes(positions.get(ORDERS).replayId), `a position, not ${positions.get(ORDERS).replayId}`);
      // After a restart the server understands what was kept.
      const next = await org.following({ replay: { store, start: "new", onInvalidPosition: "fail" } });
      await comes(next.events, 21, 21);
      await goesOn(org, next.events, 21);
    },
  );
}

for (const [what, channel, config, code] of [
  ["does not exist", "/event/Nothing__e", { unknownChannels: ["/event/Nothing__e"] }, "unknown-channel"],
  ["the user may not see", "/data/AccountChangeEvent", { deniedChannels: ["/data/AccountChangeEvent"] }, "no-access"],
  ["is none of Salesforce's", "/orders/new", {}, "unknown-channel"],
]) {
  orgTest(`a channel that ${what} is refused in the server's words, with a hint`, { config }, async (org) => {
    const { client } = await org.connect();
    const error = await org.refuses(client.subscribe(channel), code, "subscribe");
    equal(error.channel, channel, "channel");
    equal(error.retryable, false, "retryable");
    ok(error.failure.code >= 400, "code of the failure");
    ok(error.message.includes("; "), `a hint in ${error.message}`);
    // The others are not affected.
    const events = reader(await client.subscribe(ORDERS));
    await goesOn(org, events, 0);
  });
}

orgTest("publishing by Bayeux is refused, as Salesforce does", async (org) => {
  const { client } = await org.connect();
  await org.refuses(client.publish(ORDERS, { n: 1 }), "no-access", "publish");
});
