// What Salesforce refuses, before a session and in place of one: in the right words, at once, and with nothing sent to
// where it does not belong.

import { equal, ok, same } from "./assert.mjs";
import { comes, orgTest } from "./salesforce-org.mjs";
import { CREDENTIALS } from "./secrets.mjs";

const { clientId, clientSecret, refreshToken } = CREDENTIALS;

const wrong = (org) => org.password({ password: "not-the-password" });

/** By what is wrong: the login, the settings, what the server says, and what the message advises. */
const REFUSALS = [
  ["a wrong password", wrong, {}, "invalid_grant", /check user name, password, security token/],
  [
    "an unknown consumer key",
    (org) => org.password({ clientId: "nobody" }),
    {},
    "invalid_client_id",
    /check the app's consumer key/,
  ],
  [
    "a wrong consumer secret",
    (org) => org.password({ clientSecret: "no" }),
    {},
    "invalid_client",
    /consumer key and secret/,
  ],
  [
    "an app that nobody approved",
    (org) => org.auth.refreshToken({ clientId, clientSecret, refreshToken }),
    { approved: false },
    "invalid_grant",
    /pre-authorize/,
  ],
  [
    "a refresh token that has expired",
    (org) => org.auth.refreshToken({ clientId, refreshToken: "spent-refresh-token" }),
    {},
    "invalid_grant",
    /log in anew/,
  ],
  [
    "an app without a run-as user",
    (org) => org.auth.clientCredentials({ clientId, clientSecret }),
    { clientCredentialsUser: false },
    "invalid_grant",
    /run-as user/,
  ],
];

for (const [what, auth, config, error, hint] of REFUSALS) {
  orgTest(`a login by ${what} is refused at once, with a hint`, { config }, async (org) => {
    const refused = await org.refused({ auth: auth(org) }, "login-refused");
    equal(refused.oauth?.error, error, "oauth.error");
    ok(hint.test(refused.message), `the hint in ${refused.message}`);
    equal(refused.retryable, false, "retryable");
    const { loginsRefused, logins, versionCalls } = await org.world.stats();
    same({ loginsRefused, logins, versionCalls }, { loginsRefused: 1, logins: {}, versionCalls: 0 }, "attempts");
  });
}

orgTest("a grant that the org does not know is refused at once, with a hint", async (org) => {
  await org.world.failLogins({ error: "unsupported_grant_type", description: "grant type not supported" });
  const refused = await org.refused({}, "login-refused");
  same(refused.oauth, { error: "unsupported_grant_type", description: "grant type not supported" }, "oauth");
  ok(/use jwtBearer or clientCredentials/.test(refused.message), refused.message);
  same((await org.world.stats()).logins, {}, "logins");
});

orgTest("a login that is refused later ends the client", async (org) => {
  const { client, status } = await org.following();
  await org.world.failLogins({ description: "expired access/refresh token" });
  await org.world.expireTokens();
  const error = await client.closed;
  equal(error.code, "login-refused", "code");
  equal(error.oauth.error, "invalid_grant", "oauth.error");
  await status.over;
});

/** A fetch that notes where requests go, and who carries a token there. */
function spy() {
  const seen = [];
  return {
    seen,
    fetch: (url, init) => {
      seen.push({ url, token: new Headers(init.headers).has("authorization"), body: init.body });
      return fetch(url, init);
    },
  };
}

const NOWHERE = [
  ["a login host that is not Salesforce's", { loginUrl: "https://login.example.com" }],
  ["a login host that only looks like Salesforce's", { loginUrl: "https://login.salesforce.com.example.com" }],
  ["a login over http", { loginUrl: "http://login.salesforce.com" }],
  ["a login over http at an allowed host", { loginUrl: "http://sf.example.com", allowedHosts: ["sf.example.com"] }],
  ["a user in the login url", { loginUrl: "https://me:secret@login.salesforce.com" }],
];

for (const [what, options] of NOWHERE) {
  orgTest(`${what} is refused before anything is sent`, async (org) => {
    const { seen, fetch } = spy();
    const error = await org.refused({ ...options, fetch }, "invalid-argument");
    ok(/^(loginUrl|allowedHosts)/.test(error.message), `it is named in ${error.message}`);
    same(seen, [], "requests");
  });
}

for (const [what, url] of [
  ["elsewhere", "https://example.com"],
  ["at a host that only looks like Salesforce's", "https://salesforce.com.example.com"],
  ["at Salesforce without https", "http://example.my.salesforce.com"],
]) {
  orgTest(`an instance ${what} is given no token`, async (org) => {
    const { seen, fetch } = spy();
    await org.world.fault({ kind: "instance-url", url });
    const error = await org.refused({ fetch }, "instance-refused");
    ok(error.message.includes(new URL(url).host), `the host in ${error.message}`);
    equal(seen.length, 1, "requests");
    ok(seen[0].url.startsWith(org.loginUrl), "the login alone");
  });
}

orgTest("an instance that moves elsewhere ends the client, and is given no token", async (org) => {
  const { seen, fetch } = spy();
  const { client, status } = await org.following({ fetch });
  await org.world.fault({ kind: "instance-url", url: "https://example.com" });
  await org.world.expireTokens();
  equal((await client.closed).code, "instance-refused", "code");
  await status.over;
  ok(
    seen.every(({ url }) => url.startsWith(org.loginUrl)),
    "requests elsewhere",
  );
});

orgTest("a token() that names an instance elsewhere is refused", async (org) => {
  const { seen, fetch } = spy();
  const auth = org.auth.accessToken({ accessToken: "00D!token", instanceUrl: "https://example.com" });
  await org.refused({ auth, fetch }, "instance-refused");
  same(seen, [], "requests");
});

orgTest("a login that redirects is refused, and not followed", async (org) => {
  const { seen, fetch } = spy();
  await org.world.fault({ on: "login", kind: "redirect", location: `${org.loginUrl}/services/oauth2/elsewhere` });
  const error = await org.refused({ fetch }, "login-refused");
  ok(/redirect/.test(error.message), error.message);
  equal(seen.length, 1, "requests");
  equal((await org.world.stats()).restCalls, 0, "calls elsewhere");
});

orgTest("a handshake that redirects after the next login, too, is refused, and not followed", async (org) => {
  await org.world.fault({ on: "handshake", kind: "redirect", location: `${org.loginUrl}/cometd/66.0`, times: 2 });
  await org.refused({}, "redirect");
  const { handshakes, logins } = await org.world.stats();
  same({ handshakes, logins }, { handshakes: 0, logins: { password: 2 } }, "counters");
});

/** The login is tried again until it works. */
async function logsInAtLast(org, options) {
  const { events } = await org.following(options);
  await org.publishNumbers(2);
  await comes(events, 1, 2);
  await org.struck();
  same((await org.world.stats()).logins, { password: 1 }, "logins");
}

orgTest("a login that hangs is given up and tried again", async (org) => {
  await org.world.failLogins({ hang: true });
  // Long enough for the one that answers.
  await logsInAtLast(org, { networkDelayMs: 2_000 });
});

for (const [what, fault] of [
  ["503", { kind: "retry-after", seconds: 0, times: 2 }],
  ["500", { kind: "status", status: 500, body: "oops" }],
  ["429", { kind: "status", status: 429 }],
  ["a page", { kind: "html" }],
  ["an empty body", { kind: "empty" }],
  ["half an answer", { kind: "cut", afterBytes: 30 }],
  ["a dropped connection", { kind: "refuse" }],
]) {
  orgTest(`a login that answers ${what} is tried again`, async (org) => {
    await org.world.fault({ on: "login", ...fault });
    const options = { networkDelayMs: 2_000 };
    const lost = fault.kind === "cut";
    if (!lost) return logsInAtLast(org, options);
    // The first login was made, and its token never seen.
    const { events } = await org.following(options);
    await org.publishNumbers(2);
    await comes(events, 1, 2);
    same((await org.world.stats()).logins, { password: 2 }, "logins");
  });
}

orgTest("a login server that is not there ends connectSalesforce() after connectTimeoutMs", async (org) => {
  await org.line.close();
  const told = [];
  const onStatus = (status) => told.push(status);
  const error = await org.refused(
    { connectTimeoutMs: 1_500, retry: { maxRetries: Infinity }, onStatus },
    "connect-timeout",
  );
  equal(error.cause?.code, "login-failed", "code of the cause");
  ok(error.cause.cause !== undefined, "the host's own error");
  ok(told.filter(({ type }) => type === "retry").length >= 1, "no retry was told");
});

orgTest("a login that never comes through rejects once maxRetries is used up, with its reason", async (org) => {
  await org.world.fault({ on: "login", kind: "status", status: 503, times: 100 });
  const retry = { initialDelayMs: 1, maxDelayMs: 5, maxRetries: 2 };
  const error = await org.refused({ retry }, "max-retries");
  equal(error.cause?.code, "login-failed", "code of the cause");
  ok(/503/.test(error.message), error.message);
  const { faultsApplied } = await org.world.stats();
  equal(faultsApplied, 3, "attempts");
});

orgTest("a login is given up when the caller aborts", async (org) => {
  await org.world.failLogins({ hang: true });
  const controller = new AbortController();
  const connecting = org.tell(org.auth.connectSalesforce(org.options({ signal: controller.signal })));
  const rejected = connecting.then(
    () => undefined,
    (reason) => reason,
  );
  await org.struck();
  const reason = new Error("no longer wanted");
  controller.abort(reason);
  equal(await rejected, reason, "reason");
  await org.world.until(({ openRequests }) => openRequests === 0);
});

/** The handshake is denied in each of the forms that were seen, and a new token is got. */
for (const [what, config] of [
  ["in the documented form", {}],
  ["with HTTP 401", { deniedHandshakeStatus: 401 }],
  ["by a policy", { deniedHandshakeAs: "createDenied" }],
  ["without a reason apart", { deniedHandshakeAs: "direct" }],
]) {
  orgTest(`a token that is refused at the handshake ${what} is replaced`, { config }, async (org) => {
    const tokens = [{ accessToken: "00Dstale!token", instanceUrl: org.loginUrl }];
    const { events } = await org.following({ auth: org.auth.accessToken(() => tokens.shift() ?? org.token()) });
    await org.publishNumbers(2);
    await comes(events, 1, 2);
    const { handshakes, unauthorized } = await org.world.stats();
    same({ handshakes, unauthorized }, { handshakes: 1, unauthorized: 1 }, "handshakes");
  });
}

orgTest("tokens that are refused twice end the client, not sooner than after 5 s", async (org) => {
  const auth = org.auth.accessToken({ accessToken: "00Dstale!token", instanceUrl: org.loginUrl });
  const started = performance.now();
  const stale = org.auth.accessToken(() => ({ accessToken: "00Dstale!token", instanceUrl: org.loginUrl }));
  const [fixed, asked] = await Promise.all([
    org.refused({ auth, apiVersion: "67.0" }, "login-refused"),
    org.refused({ auth: stale, apiVersion: "67.0" }, "unauthorized"),
  ]);
  ok(/no other/.test(fixed.message), fixed.message);
  equal(asked.retryable, false, "retryable");
  ok(performance.now() - started >= 4_900, "the second refusal came too soon");
});
