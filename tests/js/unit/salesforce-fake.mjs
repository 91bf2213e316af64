// A login server, and the parts of the wasm that read its answers, for the tests of the Salesforce entry.
import { dist } from "./fake.mjs";

const module = (name) => import(new URL(`salesforce/${name}.js`, dist));

export const { accessToken, clientCredentials, jwtBearer, password, refreshToken } = await module("public");
export const { connectSalesforceWith } = await module("connect");
export const { checkSalesforce } = await module("options");
export const { makeTokenSource } = await module("source");

export const INSTANCE = "https://acme.my.salesforce.com";

/** What the wasm does with an answer, roughly. */
export const glue = {
  login_answer(status, body) {
    const answer = JSON.parse(body);
    if (status === 200) {
      const token = { accessToken: answer.access_token, instanceUrl: answer.instance_url };
      return JSON.stringify({ ...token, refreshToken: answer.refresh_token });
    }
    const refused = status < 500;
    const code = refused ? "login-refused" : "login-failed";
    const oauth = { error: answer.error, description: answer.error_description };
    throw { code, message: `${code}: ${answer.error}`, retryable: !refused, status, oauth };
  },
  newest_version: (body) => JSON.parse(body).at(-1)?.version ?? "",
};

export const granted = (more = {}) => Response.json({ access_token: "00D!token", instance_url: INSTANCE, ...more });
export const versions = () => Response.json([{ version: "66.0" }, { version: "67.0" }]);

/** Answers each request by the first of `answers` that is left, and notes them. The last one stays. */
export function fakeFetch(...answers) {
  const requests = [];
  const fetch = async (url, init) => {
    requests.push({ url, ...init });
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    return answer(url, init);
  };
  return { fetch, requests };
}

/** What a client gives to a source. */
export function request(fetch, more = {}) {
  const { signal } = new AbortController();
  return { refused: false, signal, fetch, glue, checkInstance: () => {}, ...more };
}

/** A source as `connectSalesforce()` makes it. */
export const source = (options) => makeTokenSource(checkSalesforce(options));
