import { counted, equal, ok, same } from "./assert.mjs";
import { test } from "./registry.mjs";
import { numbered, reader, take } from "./tools.mjs";

test("a published message comes back as an event", async (t) => {
  const client = await t.client();
  const events = reader(await client.subscribe(t.channel()));
  const reply = await client.publish(t.channel(), { hello: "world" });
  equal(reply.successful, true, "the server's reply");
  equal(reply.channel, t.channel(), "its channel");
  const { value: event } = await events.next();
  equal(event.channel, t.channel());
  same(event.data, { hello: "world" });
  same(JSON.parse(event.raw).data, { hello: "world" });
  same(JSON.parse(JSON.stringify(event)).data, { hello: "world" });
  equal(event.replayId, undefined, "replayId without replay");
});

test("events of one client reach another", async (t) => {
  const [speaker, listener] = await Promise.all([t.client(), t.client()]);
  const events = reader(await listener.subscribe(t.channel()));
  await speaker.publish(t.channel(), "psst");
  equal((await events.next()).value.data, "psst");
});

test("payloads keep every character", async (t) => {
  const client = await t.client();
  const events = reader(await client.subscribe(t.channel()));
  const payloads = [
    "plain",
    "Grüße, 世界, 🦀 and 👩‍👩‍👧",
    'quotes " and \\ backslashes \\" and / slashes',
    "control \u0000 \u0001 \t \n \u001f \u2028 \u2029",
    { "kéy 🗝": ["ä", { '\\"': null }], nested: { empty: {}, none: [], no: false, yes: true } },
    [0, -1, 1.5e300, 1e-7, 9_007_199_254_740_991],
    "",
    null,
    false,
    0,
  ];
  for (const payload of payloads) {
    await client.publish(t.channel(), payload);
    const { value: event } = await events.next();
    same(event.data, payload);
    same(JSON.parse(event.raw).data, payload, "raw");
  }
});

test("publish from several turns keeps its replies apart", async (t) => {
  const client = await t.client();
  const replies = await Promise.all(numbered(20).map((data) => client.publish(t.channel(), data)));
  ok(
    replies.every(({ successful }) => successful === true),
    "all were answered",
  );
  equal(new Set(replies.map(({ id }) => id)).size, 20, "different ids");
});

test("1,000 events arrive in order", async (t) => {
  const client = await t.client();
  const events = reader(await client.subscribe(t.channel()));
  // Not awaited: they arrive while the server still publishes.
  const published = t.publishNumbers(t.channel(), 1_000);
  const seen = await take(events, 1_000);
  await published;
  counted(
    seen.map(({ data }) => data.n),
    1_000,
  );
});

test("1,000 events published by the client itself arrive in order", async (t) => {
  const client = await t.client();
  const events = reader(await client.subscribe(t.channel()));
  const publishing = (async () => {
    for (let from = 1; from <= 1_000; from += 100) {
      await Promise.all(numbered(100, from).map((data) => client.publish(t.channel(), data)));
    }
  })();
  const seen = await take(events, 1_000);
  await publishing;
  const numbers = seen.map(({ data }) => data.n);
  // Between two responses order is promised only with the acknowledgement extension.
  if (!t.has("ack")) numbers.sort((a, b) => a - b);
  counted(numbers, 1_000);
});

test("* stands for one segment", async (t) => {
  const client = await t.client();
  const events = reader(await client.subscribe(t.channel("/*")));
  await t.publish(t.channel(), "too short");
  await t.publish(t.channel("/a/b"), "too long");
  await t.publish(t.channel("/a"), "right");
  await t.publish(t.channel("/b"), "right, too");
  const seen = await take(events, 2);
  same(
    seen.map(({ channel, data }) => [channel, data]),
    [
      [t.channel("/a"), "right"],
      [t.channel("/b"), "right, too"],
    ],
  );
});

test("** stands for one segment or more, and not for none", async (t) => {
  const client = await t.client();
  const events = reader(await client.subscribe(t.channel("/**")));
  await t.publish(t.channel(), "too short");
  await t.publish(t.channel("/a"), "one");
  await t.publish(t.channel("/a/b/c"), "three");
  const seen = await take(events, 2);
  same(
    seen.map(({ channel, data }) => [channel, data]),
    [
      [t.channel("/a"), "one"],
      [t.channel("/a/b/c"), "three"],
    ],
  );
});

test("overlapping subscriptions get one copy each", { needs: ["one-copy"] }, async (t) => {
  const client = await t.client();
  const wanted = [t.channel("/a"), t.channel("/*"), t.channel("/**")];
  const readers = (await Promise.all(wanted.map((name) => client.subscribe(name)))).map(reader);
  await t.publishNumbers(t.channel("/a"), 5);
  for (const events of readers) {
    counted(
      (await take(events, 5)).map(({ data }) => data.n),
      5,
    );
  }
});

test("one subscription can name several channels", async (t) => {
  const client = await t.client();
  const names = [t.channel("/a"), t.channel("/b")];
  const subscription = await client.subscribe(names);
  same(subscription.channels, names, "channels");
  const events = reader(subscription);
  await t.publish(names[0], "to a");
  same((await events.next()).value.data, "to a");
  await t.publish(names[1], "to b");
  equal((await events.next()).value.channel, names[1]);
});

test("subscriptions to the same channel share one on the wire", async (t) => {
  const client = await t.client();
  const subscribes = [];
  const tapping = (async () => {
    for await (const { channel, subscription } of client.messages()) {
      if (channel.startsWith("/meta/") && subscription) subscribes.push(channel);
    }
  })();
  const [first, second] = [await client.subscribe(t.channel()), await client.subscribe(t.channel())];
  const readers = [reader(first), reader(second)];
  await t.publish(t.channel(), "for both");
  for (const events of readers) equal((await events.next()).value.data, "for both");
  await first.unsubscribe();
  await t.publish(t.channel(), "for one");
  equal((await readers[1].next()).value.data, "for one");
  await client.close();
  await tapping;
  ok(subscribes.filter((channel) => channel === "/meta/subscribe").length <= 1, `on the wire: ${subscribes}`);
  ok(!subscribes.includes("/meta/unsubscribe"), "the first to leave takes nothing from the second");
});

test("send gives the server's replies to raw messages", async (t) => {
  const client = await t.client();
  const [reply] = await client.send({ channel: t.channel(), data: { raw: true } });
  equal(reply.channel, t.channel());
  equal(reply.successful, true);
  const replies = await client.send([
    { channel: t.channel(), data: 1 },
    { channel: t.channel("/other"), data: 2 },
  ]);
  same(
    replies.map(({ channel }) => channel),
    [t.channel(), t.channel("/other")],
  );
});

test("events without a reader of their own are read by events()", async (t) => {
  const client = await t.client();
  const [claimed, a, b] = await Promise.all([
    client.subscribe(t.channel("/claimed")),
    client.subscribe(t.channel("/a")),
    client.subscribe(t.channel("/b")),
  ]);
  const own = reader(claimed);
  const rest = reader(client.events());
  await t.publish(t.channel("/claimed"), "mine");
  await t.publish(t.channel("/a"), "from a");
  await t.publish(t.channel("/b"), "from b");
  equal((await own.next()).value.data, "mine");
  const given = (await take(rest, 2)).map(({ data }) => data);
  same([...given].sort(), ["from a", "from b"], "what events() gave");
  await rest.return();
  // Leaving it unsubscribes nothing, and the event that was in hand comes again.
  await t.publish(a.channels[0], "still here");
  const again = (await take(reader(client.events()), 2)).map(({ data }) => data);
  same(again, [given[1], "still here"], "what the next one gave");
  same([a.channels, b.channels], [[t.channel("/a")], [t.channel("/b")]]);
});
