// The contract of the package, the same for every runtime and every server.

import "./arguments.mjs";
import "./calls.mjs";
import "./closing.mjs";
import "./connecting.mjs";
import "./events.mjs";
import "./faults.mjs";
import "./first-contact.mjs";
import "./habits.mjs";
import "./reading.mjs";
import "./requests.mjs";
import "./salesforce-following.mjs";
import "./salesforce-logins.mjs";
import "./salesforce-moved.mjs";
import "./salesforce-positions.mjs";
import "./salesforce-readers.mjs";
import "./salesforce-recovery.mjs";
import "./salesforce-refusals.mjs";
import "./salesforce-requests.mjs";
import "./salesforce-secrets.mjs";
import "./salesforce-stores.mjs";
import "./sessions.mjs";
import "./short-runs.mjs";
import "./trap.mjs";
import "./wire.mjs";

export { applicable, cases, describe, runAll, runCase } from "./registry.mjs";
export { contexts } from "./context.mjs";
