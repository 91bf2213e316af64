// What happened, in words.

import { isCometdError } from "cometd-edge";

const times = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });

/** A time of day, from Unix milliseconds. */
export const time = (ms) => (ms === undefined ? "–" : times.format(ms));

const CAUSES = {
  "response-lost": "a response was lost on the way",
  "session-lost": "the server forgot the session",
  undecodable: "a response could not be decoded",
  "event-too-large": "a message was too large",
  "position-invalid": "the server refused the position, since it is older than what it retains",
  "no-position": "nothing had come yet, so there was no position to go on from",
};

/** A status of the client. */
export function describe(status) {
  switch (status.type) {
    case "state":
      return `The client is ${status.state}.`;
    case "session":
      return status.resumed ? "The session of the snapshot goes on." : "There is a new session at the server.";
    case "gap": {
      const where = status.after === undefined ? `since ${time(status.since)}` : `after replay id ${status.after}`;
      return `Events on ${status.channel} ${where} may be missing: ${CAUSES[status.cause] ?? status.cause}.`;
    }
    case "retry":
      return `Attempt ${status.attempt} failed (${status.error.message}); the next ${inSeconds(status.delayMs)}.`;
    case "reauthenticated":
      return `Logged in again: a new access token is in use at ${status.instanceUrl}.`;
    case "store-failed":
      return `IndexedDB failed to ${status.operation} the position of ${status.channel}: ${status.error.message}.`;
    case "backpressure":
      return status.active
        ? `${status.channel} is not read: ${status.queuedEvents} events wait, and no more are fetched.`
        : "Events are fetched again.";
    case "subscribe-failed":
      return `The server refused ${status.channel}: ${status.error.message}.`;
    case "multiple-clients":
      return `The server makes the clients of this browser take turns of ${inSeconds(status.intervalMs)}.`;
    case "message-skipped":
      return `A message on ${status.channel ?? "an unknown channel"} was passed over: ${status.reason}.`;
    case "callback-failed":
      return `${status.where} threw: ${String(status.error)}.`;
    default:
      return JSON.stringify(status);
  }
}

function inSeconds(ms) {
  return ms === 0 ? "at once" : `in ${(ms / 1_000).toFixed(1)} s`;
}

/** A range of orders. */
export function range({ first, last }) {
  return first === last ? `1 order, n = ${first}` : `${last - first + 1} orders, n = ${first} to ${last}`;
}

/** An error, with the word that programs compare. */
export function problem(error) {
  return isCometdError(error) ? `${error.code}: ${error.message}` : String(error?.message ?? error);
}

/** The sum that proves that nothing is lost, or shows that something is. */
export function verdict({ published, delivered, waiting, named, lost }) {
  const sum = `${published} published = ${delivered} delivered + ${waiting} on the way + ${named} named by a gap`;
  if (lost > 0) return `${sum} + ${lost} lost without a word.`;
  return named > 0 ? `${sum}: nothing is lost without a word.` : `${sum}: nothing is lost.`;
}
