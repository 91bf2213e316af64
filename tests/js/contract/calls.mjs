// Request and reply over service channels, and what servers keep for a session by itself.

import { equal, ok, refuses, rejection, same } from "./assert.mjs";
import { test } from "./registry.mjs";
import { reader, watch } from "./tools.mjs";

const ECHO = "/service/echo";

test("a call resolves with what the service answers", { needs: ["services"] }, async (t) => {
  const client = await t.client();
  const questions = ["text", 0, null, false, { of: ["many", { parts: "grüße" }] }];
  const answers = await Promise.all(questions.map((question) => client.call(ECHO, question)));
  same(answers, questions, "answers");
});

test("a call takes part in no subscription", { needs: ["services"] }, async (t) => {
  const client = await t.client();
  const events = reader(await client.subscribe([ECHO, t.channel()]));
  equal(await client.call(ECHO, "answer"), "answer");
  await client.publish(t.channel(), "event");
  equal((await events.next()).value.data, "event", "the only event");
});

test("a call that fails rejects with what the service sent along", { needs: ["failing-services"] }, async (t) => {
  const client = await t.client();
  const error = await refuses(client.call("/service/fail", { why: "sold out" }), t.CometdError, "call-failed");
  equal(error.channel, "/service/fail", "channel");
  same(error.data, { why: "sold out" }, "data");
  // One failure is no reason to stop.
  equal(await client.call(ECHO, 1), 1);
});

test("a call without an answer times out, or ends by its signal", { needs: ["sandbox"] }, async (t) => {
  const client = await t.client();
  const late = client.call("/service/silent", 1, { timeoutMs: 50 });
  equal((await refuses(late, t.CometdError, "timeout")).retryable, true, "retryable");
  const controller = new AbortController();
  const reason = new Error("changed my mind");
  const calling = client.call("/service/silent", 1, { signal: controller.signal });
  controller.abort(reason);
  equal(await rejection(calling), reason, "what it rejects with");
  equal(await rejection(client.call(ECHO, 1, { signal: controller.signal })), reason, "and the next one at once");
  equal((await t.world.stats()).published[ECHO], undefined, "messages sent for it");
});

test("a call whose session is lost, or whose client closes, rejects", { needs: ["sandbox"] }, async (t) => {
  const client = await t.client();
  const status = watch(client.status());
  const lost = client.call("/service/silent", 1, { timeoutMs: Infinity });
  await t.world.until(({ published }) => published["/service/silent"] === 1);
  // Its reply has come once that of a later message has.
  await client.publish(t.channel(), 1);
  await t.world.forget();
  await refuses(lost, t.CometdError, "outcome-unknown");
  await status.for("session");
  const open = client.call("/service/silent", 1, { timeoutMs: Infinity });
  const closing = client.close();
  await refuses(open, t.CometdError, "closed");
  await closing;
});

test("calls go on across cuts under ack", { needs: ["ack", "services"] }, async (t) => {
  const line = await t.line();
  const client = await t.client({ url: line.url });
  for (let n = 1; n <= 5; n += 1) {
    // The answer goes down with its poll, and comes with the next; or the call itself does.
    await line.cut(`"again":${n}`);
    const answer = await client.call(ECHO, { again: n }).catch((error) => error.code);
    ok(answer === "outcome-unknown" || answer.again === n, `answer ${n} is ${JSON.stringify(answer)}`);
  }
});

test("send() may subscribe to a service channel, and to no other", async (t) => {
  const client = await t.client();
  const [reply] = await client.send({ channel: "/meta/subscribe", subscription: ECHO });
  equal(reply.channel, "/meta/subscribe", "what is answered");
  const others = client.send({ channel: "/meta/subscribe", subscription: t.channel() });
  await refuses(others, t.CometdError, "invalid-argument");
});
