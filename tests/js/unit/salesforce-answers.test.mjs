// What is read out of the answers of logins and instances. Rust users have the same from the crate, whose tests go
// through the same cases.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { inspect } from "node:util";
import { CometdError } from "./fake.mjs";
import { newestVersion, readLogin } from "./salesforce-fake.mjs";

const { logins, versions } = JSON.parse(await readFile(new URL("../../salesforce/answers.json", import.meta.url)));

/** A text is the body itself; all else is its JSON. */
const bodyOf = ({ body }) => (typeof body === "string" ? body : JSON.stringify(body));

function refusal(status, body) {
  try {
    return { token: readLogin(status, body) };
  } catch (error) {
    return error;
  }
}

test("s10 answers to logins are read as the crate reads them", () => {
  for (const one of logins) {
    for (const status of one.statuses) {
      const error = refusal(status, bodyOf(one));
      if (one.token) {
        assert.deepEqual(error, { token: one.token });
        continue;
      }
      assert.ok(error instanceof CometdError, inspect(one));
      const { code, retryable, message, oauth } = error;
      const { refused, description } = one;
      assert.deepEqual(
        { code, retryable, message, oauth, status: error.status },
        {
          code: refused ? "login-refused" : "login-failed",
          retryable: !refused,
          message: one.message,
          oauth: { error: one.error, description },
          status,
        },
      );
      assert.doesNotMatch(inspect(error), /00D/, "half an answer is not shown");
    }
  }
});

test("x3 a server's words are cut and stay in their line", () => {
  const body = { error: "e".repeat(10_000), error_description: "\n\u0000\u{1f600}".repeat(10_000) };
  const { message, oauth } = refusal(400, JSON.stringify(body));
  assert.ok(message.length < 1_000 && !/\p{Cc}/u.test(message), message);
  assert.deepEqual([[...oauth.error].length, [...oauth.description].length], [200, 200]);
});

test("the newest version is found by number", () => {
  for (const one of versions) assert.equal(newestVersion(bodyOf(one)) ?? null, one.newest, inspect(one));
});
