// Logging in to Salesforce: each way, and which version is spoken then.

import { equal, ok, same } from "./assert.mjs";
import { comes, orgTest } from "./salesforce-org.mjs";
import { CREDENTIALS } from "./secrets.mjs";

const { clientId, clientSecret, username, refreshToken } = CREDENTIALS;

/** Logs in, follows, and gives the client; `logins` is what the server counts then. */
async function logsIn(org, auth, logins, options) {
  const { client, events } = await org.following({ auth, ...options });
  equal(client.instanceUrl, org.loginUrl, "instanceUrl");
  equal(client.state, "connected", "state");
  await org.publishNumbers(3);
  await comes(events, 1, 3);
  const stats = await org.world.stats();
  same(stats.logins, logins, "logins");
  equal(stats.loginsRefused, 0, "refused logins");
  equal(stats.unauthorized, 0, "answers for want of a token");
  return client;
}

orgTest("a user name and a password log in", async (org) => {
  await logsIn(org, org.password(), { password: 1 });
});

orgTest("a password with a security token logs in", async (org) => {
  await logsIn(org, org.password({ securityToken: CREDENTIALS.securityToken }), { password: 1 });
});

orgTest("a refresh token logs in, with the consumer secret and without", async (org) => {
  const { client } = await org.connect({ auth: org.auth.refreshToken({ clientId, clientSecret, refreshToken }) });
  await client.close();
  await logsIn(org, org.auth.refreshToken({ clientId, refreshToken }), { refresh_token: 2 });
});

orgTest(
  "a rotated refresh token is told before the next login",
  { config: { rotateRefreshToken: true } },
  async (org) => {
    const told = [];
    const onRefreshToken = async (token) => void told.push(token);
    const auth = org.auth.refreshToken({ clientId, clientSecret, refreshToken, onRefreshToken });
    const { client, status, events } = await org.following({ auth });
    equal(told.length, 1, "tokens told");
    await org.world.expireTokens();
    await status.for("reauthenticated");
    equal(told.length, 2, "tokens told");
    ok(told[0] !== told[1] && !told.includes(refreshToken), "they differ");
    await org.publishNumbers(2);
    await comes(events, 1, 2);
    await client.close();
    // What was told is what logs in: after a restart the first one is worth nothing any more.
    await org.refused({ auth: org.auth.refreshToken({ clientId, clientSecret, refreshToken }) }, "login-refused");
    await org.connect({ auth: org.auth.refreshToken({ clientId, clientSecret, refreshToken: told[1] }) });
  },
);

orgTest("client credentials log in", async (org) => {
  await logsIn(org, org.auth.clientCredentials({ clientId, clientSecret }), { client_credentials: 1 });
});

const ALGORITHM = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  modulusLength: 2_048,
  publicExponent: new Uint8Array([1, 0, 1]),
};

function pem(label, der) {
  const base64 = btoa(String.fromCharCode(...new Uint8Array(der)));
  return `-----BEGIN ${label}-----\n${base64.replace(/.{64}/g, "$&\n")}\n-----END ${label}-----\n`;
}

orgTest("a signed assertion logs in, by a key in PKCS#8, in PKCS#1, in one line and as a CryptoKey", async (org) => {
  const pair = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const [pkcs8, spki] = await Promise.all([
    crypto.subtle.exportKey("pkcs8", pair.privateKey),
    crypto.subtle.exportKey("spki", pair.publicKey),
  ]);
  await org.world.config({ jwtPublicKey: pem("PUBLIC KEY", spki) });
  // The old form stands in the new one behind its version and algorithm.
  const keys = [pem("PRIVATE KEY", pkcs8), pem("RSA PRIVATE KEY", pkcs8.slice(26)), pair.privateKey];
  keys.push(keys[0].replaceAll("\n", "\\n"));
  for (const privateKey of keys.slice(1)) {
    const { client } = await org.connect({ auth: org.auth.jwtBearer({ clientId, username, privateKey }) });
    await client.close();
  }
  const auth = org.auth.jwtBearer({ clientId, username, privateKey: keys[0] });
  await logsIn(org, auth, { jwt: 4 });
  // One that others signed is refused, with a hint.
  const other = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const wrong = org.auth.jwtBearer({ clientId, username, privateKey: other.privateKey });
  const error = await org.refused({ auth: wrong }, "login-refused");
  same(error.oauth, { error: "invalid_grant", description: "invalid assertion" }, "oauth");
  ok(/certificate/.test(error.message), error.message);
  const audience = org.auth.jwtBearer({ clientId, username, privateKey: keys[0], audience: "https://example.com" });
  ok(/`audience`/.test((await org.refused({ auth: audience }, "login-refused")).message), "a hint at the audience");
});

orgTest("an access token at hand logs in, and ends the client when it is refused", async (org) => {
  const client = await logsIn(org, org.auth.accessToken(await org.token()), { password: 1 });
  await org.world.expireTokens();
  const error = await client.closed;
  equal(error.code, "login-refused", "code");
  ok(/connect again/.test(error.message), error.message);
});

orgTest("accessToken() asks its function anew when the token was refused", async (org) => {
  const asked = [];
  const auth = org.auth.accessToken(({ refused }) => {
    asked.push(refused);
    return org.token();
  });
  const { status, events } = await org.following({ auth });
  await org.world.expireTokens();
  await status.for("reauthenticated");
  await org.publishNumbers(2);
  await comes(events, 1, 2);
  same(asked, [false, true], "refused");
});

orgTest("a token() of the caller's own logs in with what it is given", async (org) => {
  const contexts = [];
  const auth = {
    async token(context) {
      contexts.push(context);
      const { clientSecret: secret } = CREDENTIALS;
      const body = new URLSearchParams({
        grant_type: "client_credentials",
        client_id: clientId,
        client_secret: secret,
      });
      const response = await context.fetch(`${context.loginUrl}/services/oauth2/token`, { method: "POST", body });
      const answer = await response.json();
      return { accessToken: answer.access_token, instanceUrl: answer.instance_url };
    },
  };
  await logsIn(org, auth, { client_credentials: 1 });
  equal(contexts.length, 1, "calls");
  equal(contexts[0].loginUrl, org.loginUrl, "loginUrl");
  equal(contexts[0].refused, false, "refused");
  ok(contexts[0].signal instanceof AbortSignal, "signal");
});

orgTest("a token() that fails is asked again", async (org) => {
  let calls = 0;
  const auth = {
    async token() {
      calls += 1;
      if (calls === 1) throw new Error("the vault is closed");
      return org.token();
    },
  };
  await org.following({ auth });
  equal(calls, 2, "calls");
});

orgTest("the newest version of the org is spoken", { config: { latestVersion: 66 } }, async (org) => {
  const client = await logsIn(org, org.password(), { password: 1 }, { apiVersion: "latest" });
  equal(client.apiVersion, "66.0", "apiVersion");
  equal((await org.world.stats()).versionCalls, 1, "asked for versions");
});

orgTest("a fixed version is spoken without asking", async (org) => {
  const client = await logsIn(org, org.password(), { password: 1 }, { apiVersion: "58.0" });
  equal(client.apiVersion, "58.0", "apiVersion");
  equal((await org.world.stats()).versionCalls, 0, "asked for versions");
});

orgTest("a version that the org does not have is refused at once", async (org) => {
  const error = await org.refused({ apiVersion: "99.0" }, ["api-version", "http-status"]);
  equal(error.retryable, false, "retryable");
  equal((await org.world.stats()).handshakes, 0, "handshakes");
});

orgTest("a list of versions that fails is asked for again, without another login", async (org) => {
  await org.world.fault({ on: "versions", kind: "status", status: 503 }, { on: "versions", kind: "html" });
  const client = await logsIn(org, org.password(), { password: 1 });
  equal(client.apiVersion, "67.0", "apiVersion");
  await org.struck();
});

orgTest("an org is followed with nothing in between, from a page at another origin, too", async (org) => {
  const direct = org.t.direct();
  await org.world.config({ instanceUrl: direct });
  const { client, events } = await org.following({ loginUrl: direct });
  equal(client.instanceUrl, direct, "instanceUrl");
  await org.publishNumbers(3);
  await comes(events, 1, 3);
  const path = "/services/data/v67.0/sobjects/Order__e";
  const headers = { "content-type": "application/json" };
  const response = await client.request(path, { method: "POST", body: '{"n":4}', headers });
  equal(response.status, 201, "status");
  await comes(events, 4, 4);
  equal((await org.world.stats()).handshakes, 1, "handshakes");
});
