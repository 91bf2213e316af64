// The other cases look for secrets in all that they are told; here it is shown that they would find them.

import { equal, ok } from "./assert.mjs";
import { orgTest } from "./salesforce-org.mjs";
import { CREDENTIALS, secretIn, SECRETS, Told, told } from "./secrets.mjs";
import { reader, until } from "./tools.mjs";

orgTest("a secret would be found wherever it is", async (org) => {
  const { accessToken } = await org.token();
  equal(secretIn(accessToken), "an access token");
  const { client } = await org.connect();
  const { clientId } = await until(reader(client.messages()), (message) => message.clientId, "a client id");
  equal(secretIn(`x ${clientId} y`), "a client id");
  const { lastRequests } = await org.world.stats();
  const cookies = lastRequests.map(({ cookie }) => cookie).find((cookie) => cookie);
  ok(secretIn(cookies), `a cookie in ${cookies}`);
  for (const value of Object.values(SECRETS)) if (typeof value === "string") ok(secretIn(`"${value}"`), value);
  const hidden = new Error("outside", { cause: new Error(`inside: ${CREDENTIALS.password}`) });
  equal(secretIn(told({ type: "retry", error: hidden })), "the password");
  const { CometdError } = org;
  equal(secretIn(told(new CometdError("network", "a", { failure: { text: accessToken } }))), "an access token");
  const collected = new Told();
  collected.add({ error: hidden });
  let found;
  try {
    collected.check();
  } catch (error) {
    found = error;
  }
  ok(found, "the check fails");
});
