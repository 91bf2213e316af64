// What happens to connection, session and token while events are followed by replay. In each case nothing is lost and
// nothing doubled, and the status tells what happened.

import { equal, ok, same } from "./assert.mjs";
import { allCome, comes, goesOn, HELD, noGaps, ORDERS, orgTest, settled, those } from "./salesforce-org.mjs";
import { reader } from "./tools.mjs";

const LIMITS = "/services/data/v67.0/limits";

/** Settled; then `trouble` happens, five more events are published, and all of them come. */
async function survives(org, trouble, options) {
  const all = await settled(org, options);
  await trouble(all);
  await org.publishNumbers(5);
  await comes(all.events, 6, 10);
  await goesOn(org, all.events, 10);
  noGaps(all.status);
  return all;
}

orgTest("a parked poll that is told of an expired token gets a new one", { config: HELD }, async (org) => {
  const { status } = await survives(org, () => org.world.expireTokens());
  const { logins, handshakes } = await org.world.stats();
  same({ logins, handshakes }, { logins: { password: 2 }, handshakes: 2 }, "counters");
  equal(those(status, "reauthenticated").length, 1, "reauthenticated");
  equal(those(status, "reauthenticated")[0].instanceUrl, org.loginUrl, "instanceUrl");
});

for (const revokedAs of ["disconnectSuccessful", "unknownClient", "bare"]) {
  orgTest(`an expired token told as ${revokedAs} is replaced`, { config: { ...HELD, revokedAs } }, async (org) => {
    const { status } = await survives(org, () => org.world.expireTokens());
    same((await org.world.stats()).logins, { password: 2 }, "logins");
    equal(those(status, "reauthenticated").length, 1, "reauthenticated");
  });
}

orgTest("a token that expires in silence is replaced when the poll ends", { config: HELD }, async (org) => {
  // The event that ends the poll goes down with its session.
  const { status } = await survives(org, () => org.world.expireTokens(false));
  same((await org.world.stats()).logins, { password: 2 }, "logins");
  equal(those(status, "reauthenticated").length, 1, "reauthenticated");
});

orgTest(
  "tokens that expire again and again are replaced each time",
  { config: { tokenLifetimeMs: 700 } },
  async (org) => {
    const { events, status } = await org.following();
    let last = 0;
    for (let renewed = 1; renewed <= 3; renewed += 1) {
      await org.publishNumbers(4);
      await comes(events, last + 1, last + 4);
      last += 4;
      await org.world.until(({ logins }) => logins.password > renewed);
    }
    await goesOn(org, events, last);
    noGaps(status);
  },
);

for (const tell of [true, false]) {
  orgTest(
    `a token that expires under REST calls and ${tell ? "a poll that is told" : "a silent poll"} is replaced once for all`,
    { config: HELD },
    async (org) => {
      const { status } = await survives(org, async ({ client }) => {
        await org.world.expireTokens(tell);
        const calls = Array.from({ length: 5 }, () => client.request(LIMITS));
        for (const response of await Promise.all(calls)) {
          equal(response.status, 200, "status");
          await response.text();
        }
      });
      same((await org.world.stats()).logins, { password: 2 }, "logins");
      equal(those(status, "reauthenticated").length, 1, "reauthenticated");
    },
  );
}

for (const [what, fault] of [
  ["after the first of its events", { kind: "cut", afterEvents: 1 }],
  ["after the last of its events", { kind: "cut", afterEvents: 5 }],
  ["within an event", { kind: "cut", afterBytes: 500 }],
  ["before its events", { kind: "cut", afterBytes: 1 }],
  ["before its head", { kind: "cut-before-head" }],
]) {
  orgTest(`a poll cut ${what} loses and doubles nothing`, { config: HELD }, async (org) => {
    const { status } = await survives(org, () => org.world.fault({ on: "connect", withEvents: true, ...fault }));
    await org.struck();
    equal((await org.world.stats()).handshakes, 2, "handshakes");
    ok(those(status, "retry").length >= 1, "a retry is told");
    equal((await org.world.stats()).logins.password, 1, "logins");
  });
}

orgTest("a poll that falls silent within its events is given up", { config: HELD }, async (org) => {
  const fault = { on: "connect", withEvents: true, kind: "stall", afterEvents: 2 };
  const { status } = await survives(org, () => org.world.fault(fault), { networkDelayMs: 500 });
  ok(
    those(status, "retry").some(({ error }) => error.code === "timeout"),
    "a timeout is told",
  );
});

orgTest(
  "a connection cut while a poll is parked loses nothing that goes down with it",
  { config: HELD },
  async (org) => {
    await survives(org, async () => {
      await org.line.refuse(true);
      await org.line.cut();
      await org.line.refuse(false);
    });
  },
);

orgTest("many cuts lose and double nothing", async (org) => {
  const { events, status } = await org.following();
  for (let round = 0; round < 8; round += 1) {
    await org.publishNumbers(20);
    await org.line.cut();
    await org.publishNumbers(5);
  }
  await allCome(events, 1, 200);
  await goesOn(org, events, 200);
  noGaps(status);
});

for (const [what, fault] of [
  ["cut within its events", { kind: "cut", afterEvents: 2 }],
  ["cut before its head", { kind: "cut-before-head" }],
  ["answered 503", { kind: "status", status: 503 }],
  ["answered by a page", { kind: "html" }],
]) {
  orgTest(`a subscribe that is ${what} is sent again`, async (org) => {
    await org.publishNumbers(5);
    await org.world.fault({ on: "subscribe", ...fault });
    const { events, status } = await org.following();
    await comes(events, 1, 5);
    await org.struck();
    await goesOn(org, events, 5);
    noGaps(status);
  });
}

orgTest("a session that the server forgets is made anew from the last event", { config: HELD }, async (org) => {
  const { status } = await survives(org, () => org.world.forget());
  equal((await org.world.stats()).handshakes, 2, "handshakes");
  equal((await org.world.stats()).logins.password, 1, "logins");
  ok(
    those(status, "retry").some(({ error }) => error.code === "unknown-client"),
    "it is told",
  );
});

orgTest("events published while there is no session come", async (org) => {
  await survives(org, async () => {
    await org.line.refuse(true);
    await org.line.cut();
    // Until the server has given the session up, too.
    await org.world.until(({ sessions }) => sessions === 0);
    await org.line.refuse(false);
  });
});

orgTest("a session that may not live for long is made anew", { config: { sessionLifetimeMs: 600 } }, async (org) => {
  const { events, status } = await org.following();
  let last = 0;
  for (let sessions = 1; sessions <= 3; sessions += 1) {
    await org.publishNumbers(4);
    await comes(events, last + 1, last + 4);
    last += 4;
    await org.world.until(({ handshakes }) => handshakes > sessions);
  }
  await goesOn(org, events, last);
  noGaps(status);
});

orgTest("a session whose cookie is lost is made anew", { needs: ["own-cookies"] }, async (org) => {
  const { status } = await survives(org, async () => {
    await org.world.fault({ on: "connect", kind: "drop-cookie", expire: true });
    await org.struck();
  });
  equal((await org.world.stats()).handshakes, 2, "handshakes");
  ok(those(status, "retry").length >= 1, "it is told");
});

orgTest("a cookie that never comes back ends the client, and subscribe() settles", async (org) => {
  await org.world.fault({ on: "handshake", kind: "drop-cookie", times: 100 });
  const { client } = await org.connect();
  await org.refuses(client.subscribe(ORDERS), "cookie-missing", "subscribe");
  equal((await client.closed).code, "cookie-missing");
  equal((await org.world.stats()).handshakes, 2, "handshakes");
});

orgTest("cookies go back byte for byte, and the session stays where it was routed", async (org) => {
  const { events } = await org.following();
  await org.publishNumbers(3);
  await comes(events, 1, 3);
  const { lastRequests, handshakes } = await org.world.stats();
  equal(handshakes, 1, "handshakes");
  const sent = lastRequests.filter(({ kinds }) => !kinds.includes("handshake")).map(({ cookie }) => cookie ?? "");
  ok(sent.length >= 2, "requests");
  for (const cookie of sent) {
    ok(/BAYEUX_BROWSER=![0-9a-f]{16}\/\+[0-9a-f]{16}==/.test(cookie), "the session's cookie comes back");
    ok(cookie.includes("sfdc-stream=!Zm9y/+Y2U="), "the route's cookie comes back");
  }
});

const BUSY = { kind: "busy-subscribe" };

orgTest("a subscribe refused by a busy server is tried again", async (org) => {
  await org.publishNumbers(3);
  await org.world.fault({ ...BUSY, times: 3 });
  const { events, status } = await org.following();
  await comes(events, 1, 3);
  equal((await org.world.stats()).requestsByKind.subscribe, 4, "subscribes");
  equal((await org.world.stats()).logins.password, 1, "logins: 401 was not the reason");
  same(
    those(status, "retry").map(({ error }) => error.code),
    ["server-busy", "server-busy", "server-busy"],
    "retries",
  );
});

orgTest("shouldRetrySubscribe decides what is tried again", async (org) => {
  const asked = [];
  const shouldRetrySubscribe = async (channel, failure) => {
    asked.push([channel, failure.code, failure.channel]);
    return asked.length < 3;
  };
  await org.world.fault({ ...BUSY, times: 10 });
  const { client } = await org.connect({ shouldRetrySubscribe });
  const error = await org.refuses(client.subscribe(ORDERS), "server-busy", "subscribe");
  equal(error.channel, ORDERS, "channel");
  const once = [ORDERS, "server-busy", ORDERS];
  same(asked, [once, once, once], "asked");
  equal((await org.world.stats()).requestsByKind.subscribe, 3, "subscribes");
});

orgTest(
  "shouldRetrySubscribe can try again what the client would give up",
  { config: { deniedChannels: [ORDERS] } },
  async (org) => {
    const asked = [];
    const shouldRetrySubscribe = async (channel, failure) => {
      asked.push(failure.code);
      if (asked.length === 2) await org.world.config({ deniedChannels: [] });
      return true;
    };
    const { events } = await org.following({ shouldRetrySubscribe });
    same(asked, ["no-access", "no-access"], "asked");
    await goesOn(org, events, 0);
  },
);

for (const [what, fault, code] of [
  ["too many clients", { kind: "concurrent-limit", times: 2 }, "concurrent-limit"],
  ["a busy server", { kind: "deny-handshake", failureReason: "503::Server is too busy.", times: 2 }, "server-busy"],
  ["SERVER_UNAVAILABLE", { kind: "deny-handshake", failureReason: "SERVER_UNAVAILABLE", times: 2 }, "server-busy"],
]) {
  orgTest(`a handshake denied for ${what} is tried again with the same token`, async (org) => {
    await org.world.fault(fault);
    const { events } = await org.following();
    await goesOn(org, events, 0);
    equal((await org.world.stats()).logins.password, 1, "logins");
    await org.struck();
  });

  orgTest(`a new session denied for ${what} is tried again and goes on`, { config: HELD }, async (org) => {
    const { status } = await survives(org, async () => {
      await org.world.fault(fault);
      await org.world.forget();
    });
    await org.struck();
    equal(those(status, "retry").filter(({ error }) => error.code === code).length, 2, `retries for ${code}`);
    equal((await org.world.stats()).logins.password, 1, "logins");
  });
}

orgTest("a place that another client leaves is taken", { config: { concurrentClients: 1 } }, async (org) => {
  const first = await org.following();
  await org.publishNumbers(3);
  await comes(first.events, 1, 3);
  const second = org.following();
  await org.world.until(({ requestsByKind }) => requestsByKind.handshake >= 3);
  await first.client.close();
  const { events } = await second;
  await comes(events, 1, 3);
  await goesOn(org, events, 3);
});

orgTest("a spent day is waited for, and what it held back comes", { config: { dailyEvents: 5 } }, async (org) => {
  const { events, status, client } = await org.following({ retry: { maxDelayMs: 20 } });
  await org.publishNumbers(5);
  await comes(events, 1, 5);
  await status.for("retry", ({ error }) => error.code === "daily-limit");
  await org.publishNumbers(5);
  await org.world.config({ dailyEvents: 0 });
  await comes(events, 6, 10);
  await goesOn(org, events, 10);
  noGaps(status);
  equal(client.state, "connected", "state");
  equal((await org.world.stats()).logins.password, 1, "logins");
});

orgTest("a subscribe refused for a spent day is tried again", async (org) => {
  await org.world.fault({ on: "subscribe", kind: "daily-limit", times: 2 });
  const { events, status } = await org.following();
  await goesOn(org, events, 0);
  equal(those(status, "retry").filter(({ error }) => error.code === "daily-limit").length, 2, "retries");
});

orgTest("a new instance moves the session", { config: HELD }, async (org) => {
  const line = await org.t.line();
  const { client } = await survives(org, async ({ status }) => {
    await org.world.fault({ kind: "instance-url", url: line.origin });
    await org.world.expireTokens();
    equal((await status.for("reauthenticated")).instanceUrl, line.origin, "instanceUrl that is told");
  });
  equal(client.instanceUrl, line.origin, "instanceUrl");
  await org.parked();
  ok((await line.stats()).open >= 1, "the poll is there");
  equal((await client.request(LIMITS)).status, 200, "status of a REST call");
});

orgTest("events that come twice are given once", { config: HELD }, async (org) => {
  await survives(org, async () => {
    await org.world.fault({ on: "connect", withEvents: true, kind: "duplicate", times: 2 });
  });
  await org.struck();
});

orgTest("events that the server reorders are all given, once", { config: HELD }, async (org) => {
  const { events, status } = await settled(org);
  await org.world.fault({ on: "connect", withEvents: true, kind: "reorder" });
  await org.publishNumbers(4);
  await allCome(events, 6, 9);
  await org.world.forget();
  // From the last in arrival on: what stood behind it comes again to the server, but not to the subscription.
  await goesOn(org, events, 9);
  noGaps(status);
});

orgTest("a disconnect without a reason ends the client, and a new one goes on", { config: HELD }, async (org) => {
  const store = org.t.stores.memoryStore();
  const replay = { store, start: "all" };
  const { client, events, subscription, status } = await settled(org, { replay });
  const pending = org.refuses(events.next(), "server-ended", "the reader");
  await org.world.disconnectAll();
  await pending;
  equal((await client.closed).code, "server-ended", "closed");
  equal((await subscription.closed).code, "server-ended", "subscription.closed");
  equal(client.state, "closed", "state");
  await status.over;
  await org.publishNumbers(3);
  const again = await org.following({ replay });
  await comes(again.events, 6, 8);
});

for (const [what, fault, logins] of [
  ["an unknown client", { kind: "disconnect", error: "403::Unknown client" }, 2],
  ["an invalid authentication", { kind: "disconnect" }, 2],
  ["a busy server", { kind: "disconnect", error: "503::Server is too busy." }, 1],
]) {
  orgTest(`advice none for ${what} starts a new session`, { config: HELD }, async (org) => {
    await survives(org, async () => {
      await org.world.fault({ on: "connect", withEvents: true, ...fault });
    });
    await org.struck();
    equal((await org.world.stats()).logins.password, logins, "logins");
  });
}

orgTest("advice none for another reason ends the client with that reason", async (org) => {
  const { client, events } = await org.following();
  const error = "400::Authenticated user id does not match the session's user id";
  await org.world.fault({ on: "connect", kind: "disconnect", error });
  const ended = await client.closed;
  equal(ended.code, "user-mismatch", "code");
  await org.refuses(events.next(), "user-mismatch", "the reader");
});

orgTest(
  "a channel that began as new and has received nothing tells of a gap when its session is lost",
  { config: HELD },
  async (org) => {
    const { client, status } = await org.connect();
    const events = reader(await client.subscribe(ORDERS));
    await org.parked();
    await org.world.forget();
    const gap = await status.for("gap");
    equal(gap.cause, "no-position", "cause");
    equal(gap.channel, ORDERS, "channel");
    await org.world.until(({ subscriptions }) => subscriptions[ORDERS] === 1);
    await goesOn(org, events, 0);
  },
);

orgTest("an event beyond messageBytes ends its subscription, and its position stays before it", async (org) => {
  const replay = { store: org.t.stores.memoryStore(), start: "all" };
  const { client, events, subscription } = await org.following({ replay, limits: { messageBytes: 10_000 } });
  const others = reader(await client.subscribe("/event/Other__e"));
  await org.publishNumbers(3);
  await comes(events, 1, 3);
  await org.publish(ORDERS, { n: 4, text: "x".repeat(20_000) });
  const error = await org.refuses(events.next(), "event-too-large", "the reader");
  equal(error.channel, ORDERS, "channel");
  equal((await subscription.closed).code, "event-too-large", "closed");
  await goesOn(org, others, 0, "/event/Other__e");
  await client.close();
  const again = await org.following({ replay });
  await comes(again.events, 4, 4);
});
