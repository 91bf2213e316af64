// An org that has moved, and tokens that are not needed at once: a login tells where the org is, no session ends without
// need, and nothing is lost.

import { equal, ok, same } from "./assert.mjs";
import { comes, goesOn, HELD, noGaps, orgTest, settled, those } from "./salesforce-org.mjs";

const LIMITS = "/services/data/v67.0/limits";
const REFUSING = "/services/data/v67.0/sobjects/Secret__c";

/** The org moves from the case's own line to another one. Gives that. */
async function moves(org, oldHost) {
  const to = await org.t.line();
  await org.world.config({ moved: { from: org.line.host, to: to.origin, oldHost } });
  return to;
}

orgTest("an org whose old host redirects is found by a login", { config: HELD }, async (org) => {
  const { client, events, status } = await settled(org);
  const to = await moves(org);
  await org.line.cut();
  await org.publishNumbers(5);
  await comes(events, 6, 10);
  await goesOn(org, events, 10);
  equal(client.instanceUrl, to.origin, "instanceUrl");
  const { logins, atOldHost, loginsRefused } = await org.world.stats();
  same([logins, loginsRefused], [{ password: 2 }, 0], "logins");
  // At least the one that was redirected; then those that went out while the login was under way.
  ok(atOldHost >= 1 && atOldHost < 15, `${atOldHost} requests to the old host`);
  equal(those(status, "reauthenticated")[0].instanceUrl, to.origin, "instanceUrl that is told");
  noGaps(status);
  equal((await client.request(LIMITS)).status, 200, "status of a REST call");
  equal((await org.world.stats()).atOldHost, atOldHost, "requests to the old host since");
});

orgTest(
  "an org whose old host does not answer is found by a login after 40 s",
  { config: HELD, timeoutMs: 120_000 },
  async (org) => {
    const { client, events, status } = await settled(org, { networkDelayMs: 2_000, retry: { maxDelayMs: 1_000 } });
    const to = await moves(org, "hang");
    const from = performance.now();
    await org.line.cut();
    await org.publishNumbers(5);
    await comes(events, 6, 10);
    ok(performance.now() - from >= 39_000, "not before");
    equal(client.instanceUrl, to.origin, "instanceUrl");
    same((await org.world.stats()).logins, { password: 2 }, "logins");
    await goesOn(org, events, 10);
    noGaps(status);
  },
);

for (const apiVersion of ["67.0", "latest"]) {
  orgTest(`connect() with version ${apiVersion} follows an org that has moved`, async (org) => {
    const to = await moves(org);
    await org.world.fault({ kind: "instance-url", url: org.line.origin });
    const { client, events } = await org.following({ apiVersion });
    equal(client.instanceUrl, to.origin, "instanceUrl");
    await org.publishNumbers(3);
    await comes(events, 1, 3);
    const { logins, atOldHost } = await org.world.stats();
    same([logins, atOldHost], [{ password: 2 }, 1], "logins, and requests to the old host");
  });

  orgTest(`connect() with version ${apiVersion} rejects where the next login leads to a redirect, too`, async (org) => {
    await org.world.config({ moved: { from: org.line.host, to: org.line.origin } });
    const error = await org.refused({ apiVersion }, "redirect");
    equal(error.retryable, false, "retryable");
    same((await org.world.stats()).logins, { password: 2 }, "logins");
  });
}

orgTest("a token() of the caller's own is told that the instance may have moved", { config: HELD }, async (org) => {
  const contexts = [];
  const auth = {
    async token({ refused, moved }) {
      contexts.push([refused, moved]);
      return org.token();
    },
  };
  const { events } = await settled(org, { auth });
  await moves(org);
  await org.line.cut();
  await org.publishNumbers(1);
  await comes(events, 6, 6);
  same(
    contexts,
    [
      [false, false],
      [false, true],
    ],
    "refused and moved",
  );
});

orgTest("an endpoint that refuses every token costs one login and no session", { config: HELD }, async (org) => {
  await org.world.config({ refusingCalls: [REFUSING.replace("/services", "")] });
  const { client, events, status } = await settled(org);
  for (let i = 0; i < 10; i += 1) {
    const response = await client.request(REFUSING);
    equal(response.status, 401, "status");
    equal((await response.json())[0].errorCode, "INVALID_SESSION_ID", "errorCode");
  }
  equal((await client.request(LIMITS)).status, 200, "status of another call");
  await goesOn(org, events, 5);
  const { logins, handshakes, disconnects } = await org.world.stats();
  same({ logins, handshakes, disconnects }, { logins: { password: 2 }, handshakes: 1, disconnects: 0 }, "counters");
  equal(those(status, "reauthenticated").length, 1, "reauthenticated");
  equal(those(status, "retry").length, 0, "retries");
});

orgTest("an endpoint that refuses the only token there is ends nothing", { config: HELD }, async (org) => {
  await org.world.config({ refusingCalls: [REFUSING.replace("/services", "")] });
  const { client, events } = await settled(org, { auth: org.auth.accessToken(await org.token()) });
  for (let i = 0; i < 3; i += 1) equal((await client.request(REFUSING)).status, 401, "status");
  await goesOn(org, events, 5);
  equal((await org.world.stats()).handshakes, 1, "handshakes");
});

orgTest("the token of a REST call is the session's next one", { config: HELD }, async (org) => {
  const { client, events, status } = await settled(org);
  await org.world.expireTokens(false);
  equal((await client.request(LIMITS)).status, 200, "status");
  await status.for("reauthenticated");
  equal((await org.world.stats()).handshakes, 1, "handshakes until then");
  // The event that ends the poll goes down with its session, and comes again in the next.
  await goesOn(org, events, 5);
  const { logins, handshakes } = await org.world.stats();
  same({ logins, handshakes }, { logins: { password: 2 }, handshakes: 2 }, "counters");
  noGaps(status);
});
