// jwtBearer: keys in all the forms in which they come, and the token that is signed with them.
import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, verify, webcrypto } from "node:crypto";
import { test } from "node:test";
import { inspect } from "node:util";
import { rejection } from "./fake.mjs";
import { fakeFetch, granted, INSTANCE, jwtBearer, request, source } from "./salesforce-fake.mjs";

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pem = (key, type, more) => key.export({ format: "pem", type, ...more });
const pkcs8 = pem(privateKey, "pkcs8");
const pkcs1 = pem(privateKey, "pkcs1");
const base = { clientId: "3MVG9.key", username: "jörg@example.com" };

/** What a login with these options posts: the parts of its token. */
async function assertion(options, more = {}) {
  const { fetch, requests } = fakeFetch(() => granted());
  const auth = jwtBearer({ ...base, privateKey: pkcs8, ...options });
  await source({ auth, apiVersion: "67.0", ...more }).get(request(fetch));
  const form = [...new URLSearchParams(requests[0].body)];
  assert.equal(form[0].join("="), "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer");
  assert.equal(form[1][0], "assertion");
  assert.equal(form.length, 2);
  const [header, claims, signature, ...rest] = form[1][1].split(".");
  assert.equal(rest.length, 0);
  assert.match(form[1][1], /^[\w-]+\.[\w-]+\.[\w-]+$/);
  const read = (part) => JSON.parse(Buffer.from(part, "base64url").toString());
  const good = verify(
    "RSA-SHA256",
    Buffer.from(`${header}.${claims}`),
    createPublicKey(publicKey.export({ format: "pem", type: "spki" })),
    Buffer.from(signature, "base64url"),
  );
  return { header: read(header), claims: read(claims), good };
}

for (const [name, key] of [
  ["PKCS#8", pkcs8],
  ["PKCS#1", pkcs1],
  ["PKCS#8 of an environment variable", pkcs8.replaceAll("\n", "\\n")],
  ["PKCS#1 of an environment variable, in quotes", `"${pkcs1.replaceAll("\n", "\\r\\n")}"`],
  ["PKCS#8 with the line ends of Windows", pkcs8.replaceAll("\n", "\r\n")],
  ["PKCS#1 in one line", pkcs1.replaceAll("\n", " ")],
  ["PKCS#8 behind its certificate", `-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n${pkcs8}`],
]) {
  test(`a key in ${name} signs`, async () => {
    const before = Math.floor(Date.now() / 1000);
    const { header, claims, good } = await assertion({ privateKey: key });
    assert.equal(good, true);
    assert.deepEqual(header, { alg: "RS256" });
    const { exp, ...others } = claims;
    assert.deepEqual(others, { iss: base.clientId, sub: base.username, aud: "https://login.salesforce.com" });
    const after = Math.ceil(Date.now() / 1000);
    assert.ok(exp >= before + 180 && exp <= after + 180, String(exp - before));
  });
}

test("keys of other sizes are wrapped right", async () => {
  for (const modulusLength of [1024, 3072]) {
    const pair = generateKeyPairSync("rsa", { modulusLength });
    const auth = jwtBearer({ ...base, privateKey: pem(pair.privateKey, "pkcs1") });
    const { fetch } = fakeFetch(() => granted());
    assert.equal((await source({ auth, apiVersion: "67.0" }).get(request(fetch))).accessToken, "00D!token");
  }
});

test("a CryptoKey signs, and one that cannot is refused", async () => {
  const der = privateKey.export({ format: "der", type: "pkcs8" });
  const imported = (hash, usages = ["sign"], name = "RSASSA-PKCS1-v1_5") =>
    webcrypto.subtle.importKey("pkcs8", der, { name, hash }, false, usages);
  assert.equal((await assertion({ privateKey: await imported("SHA-256") })).good, true);
  const spki = publicKey.export({ format: "der", type: "spki" });
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  for (const key of [
    await imported("SHA-512"),
    await imported("SHA-256", ["sign"], "RSA-PSS"),
    await webcrypto.subtle.importKey("spki", spki, algorithm, false, ["verify"]),
    {},
    [],
  ]) {
    assert.throws(() => jwtBearer({ ...base, privateKey: key }), { code: "invalid-argument", message: /CryptoKey/ });
  }
});

test("the audience follows from where the login is, or is given", async () => {
  const allowedHosts = ["*.example.com"];
  for (const [options, aud] of [
    [{}, "https://login.salesforce.com"],
    [{ sandbox: true }, "https://test.salesforce.com"],
    [{ loginUrl: INSTANCE }, "https://login.salesforce.com"],
    [{ loginUrl: "https://acme--uat.sandbox.my.salesforce.com" }, "https://test.salesforce.com"],
    [{ loginUrl: "https://acme--uat.my.salesforce.com" }, "https://test.salesforce.com"],
    [{ loginUrl: "https://fluffy-bear-1.scratch.my.salesforce.com" }, "https://test.salesforce.com"],
    [{ loginUrl: "http://localhost:8080/" }, "http://localhost:8080"],
    [{ loginUrl: "https://my.example.com/customers/", allowedHosts }, "https://my.example.com/customers"],
  ]) {
    assert.equal((await assertion({}, options)).claims.aud, aud);
  }
  assert.equal((await assertion({ audience: "https://site" })).claims.aud, "https://site");
});

test("each login is signed anew, for three minutes from then", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  const { fetch, requests } = fakeFetch(() => granted());
  const tokens = source({ auth: jwtBearer({ ...base, privateKey: pkcs8 }), apiVersion: "67.0" });
  await tokens.get(request(fetch));
  t.mock.timers.setTime(2_000_500);
  await tokens.get(request(fetch, { refused: true }));
  const claims = requests.map(({ body }) => new URLSearchParams(body).get("assertion").split(".")[1]);
  const expiry = claims.map((part) => JSON.parse(Buffer.from(part, "base64url").toString()).exp);
  assert.deepEqual(expiry, [1_180, 2_180]);
});

const { privateKey: ec } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const cipher = { cipher: "aes-256-cbc", passphrase: "secret" };
const part = pkcs8.split("\n")[1];

for (const [what, key, said] of [
  ["nothing", undefined, /PEM text or a CryptoKey/],
  ["an empty text", "", /PEM text or a CryptoKey/],
  ["a number", 7, /PEM text or a CryptoKey/],
  ["a path", "/etc/keys/secret.pem", /not PEM/],
  ["half a key", pkcs8.slice(0, 800), /not PEM/],
  ["an encrypted key", pem(privateKey, "pkcs8", cipher), /encrypted.*openssl pkey/],
  ["an encrypted old key", pem(privateKey, "pkcs1", cipher), /encrypted/],
  ["a public key", pem(publicKey, "spki"), /public key/],
  ["an old public key", pem(publicKey, "pkcs1"), /public key/],
  ["a certificate", `-----BEGIN CERTIFICATE-----\n${part}\n-----END CERTIFICATE-----`, /certificate/],
  ["an EC key", pem(ec, "sec1"), /not an RSA key/],
  ["an EC key in PKCS#8", pem(ec, "pkcs8"), /not an RSA key/],
  ["a key of OpenSSH", `-----BEGIN OPENSSH PRIVATE KEY-----\n${part}\n-----END OPENSSH PRIVATE KEY-----`, /ssh-keygen/],
  ["no base64", "-----BEGIN PRIVATE KEY-----\n?!\n-----END PRIVATE KEY-----", /damaged/],
]) {
  test(`x2 ${what} instead of a key is refused at once, and not repeated`, () => {
    assert.throws(
      () => jwtBearer({ ...base, privateKey: key }),
      (error) => {
        assert.equal(error.code, "invalid-argument");
        assert.match(error.message, said);
        assert.ok(!inspect(error).includes(part) && !error.message.includes("secret"));
        return true;
      },
    );
  });
}

test("x2 a damaged key ends the client, and is not repeated", async () => {
  const lines = pkcs8.split("\n");
  lines.splice(5, 1);
  const auth = jwtBearer({ ...base, privateKey: lines.join("\n") });
  const error = await rejection(source({ auth, apiVersion: "67.0" }).get(request()));
  assert.deepEqual([error.code, error.retryable], ["invalid-argument", false]);
  assert.match(error.message, /damaged/);
  assert.ok(!inspect(error).includes(part));
});

test("x2 the options are checked, and the key does not show", () => {
  assert.throws(() => jwtBearer({ username: "me", privateKey: pkcs8 }), /clientId/);
  assert.throws(() => jwtBearer({ clientId: "key", privateKey: pkcs8 }), /username/);
  assert.throws(() => jwtBearer({ ...base, privateKey: pkcs8, audience: "" }), /audience/);
  const shown = inspect(jwtBearer({ ...base, privateKey: pkcs8 }), { showHidden: true, depth: 9 });
  assert.ok(!shown.includes(part) && !shown.includes(base.clientId), shown);
});
