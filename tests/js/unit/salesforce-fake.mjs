// A login server for the tests of the Salesforce entry.
import { dist } from "./fake.mjs";

const module = (name) => import(new URL(`salesforce/${name}.js`, dist));

export const { accessToken, clientCredentials, jwtBearer, password, refreshToken } = await module("public");
export const { connectSalesforceWith } = await module("connect");
export const { checkSalesforce } = await module("options");
export const { newestVersion, readLogin } = await module("answer");
export const { makeTokenSource } = await module("source");

export const INSTANCE = "https://acme.my.salesforce.com";

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
  return { refused: false, moved: false, signal, fetch, checkInstance: () => {}, ...more };
}

/** A source as `connectSalesforce()` makes it. */
export const source = (options) => makeTokenSource(checkSalesforce(options));
