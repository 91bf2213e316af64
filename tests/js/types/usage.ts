// What users write, compiled under the types of each environment. It never runs. An `@ts-expect-error` line proves
// that the types forbid what follows.

import { Client, CometdError, CometdEvent, connect, isCometdError, Subscription } from "cometd-edge";
import type {
  CallOptions,
  ClientState,
  ConnectOptions,
  ErrorCode,
  Extension,
  Failure,
  FetchLike,
  HeaderSource,
  LimitOptions,
  LogEntry,
  Message,
  RetryOptions,
  Snapshot,
  Status,
  SubscribeOptions,
  Tap,
} from "cometd-edge";
import { connect as connectInline } from "cometd-edge/inline";
import { connect as connectManual, init as load } from "cometd-edge/manual";
import { connectSalesforce, jwtBearer, type SigningKey } from "cometd-edge/salesforce";

export const sources: HeaderSource[] = [{ a: "b" }, () => ({ a: "b" }), async () => ({ a: "b" })];
// @ts-expect-error: a header is a text
sources.push(() => ({ a: 1 }));

/** Equal, not only assignable: `any` equals nothing but itself. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(..._proof: Same<A, B> extends true ? [] : [never]): void {}

interface Order {
  id: number;
  total: string;
}

export async function reading(): Promise<void> {
  await using client = await connect({ url: "https://example.com/cometd" });
  await using orders = await client.subscribe<Order>("/orders/new", { signal: AbortSignal.timeout(1_000) });
  same<typeof client, Client>();
  same<typeof orders, Subscription<Order>>();
  for await (const event of orders) {
    same<typeof event, CometdEvent<Order>>();
    same<typeof event.data, Order>();
    same<typeof event.replayId, string | undefined>();
    const total: string = event.data.total;
    // @ts-expect-error: orders have no such field
    same<typeof event.data.nothing, unknown>();
    // @ts-expect-error: events are not written to
    event.channel = total;
  }
  for await (const batch of orders.batches()) same<typeof batch, CometdEvent<Order>[]>();
  const stream: ReadableStream<CometdEvent<Order>> = orders.stream();
  await stream.cancel();
}

export async function withoutTypes(client: Client): Promise<void> {
  const [first] = [await client.subscribe(["/a", "/b/**"])];
  for await (const { data } of first) {
    same<typeof data, unknown>();
    // @ts-expect-error: nobody has said what the data is
    same<typeof data.id, unknown>();
  }
  for await (const event of client.events<Order>()) event.data.id.toFixed();
  for await (const message of client.messages()) same<typeof message, Message>();
  const reply: Message = await client.publish("/a", { any: ["thing", 1, null] });
  const replies: Message[] = await client.send([{ channel: "/a", data: 1 }, reply]);
  await client.send({ channel: "/a" });
  // @ts-expect-error: a message is an object
  await client.send("text");
  const waiting: CallOptions = { timeoutMs: 1_000, signal: AbortSignal.timeout(500) };
  same<Awaited<ReturnType<typeof client.call>>, unknown>();
  const total: string = (await client.call<Order>("/service/orders/find", { id: 1 }, waiting)).total;
  // @ts-expect-error: a call has data, if only null
  void client.call("/service/orders/find");
  const id: string | undefined = client.clientId;
  // @ts-expect-error: there is not always a session
  const certain: string = client.clientId;
  same<ReturnType<typeof client.retryNow>, void>();
  client.retryNow();
  const state: ClientState = client.state;
  // @ts-expect-error: the state is not written to
  client.state = state;
  // @ts-expect-error: clients are made by connect()
  const made = new Client();
  const ended: Error | undefined = await client.closed;
  await client.close().then(() => [ended, replies, made, total, id, certain]);
}

/** Every status is told apart by its type; the compiler knows whether all were thought of. */
export function onStatus(status: Status): string {
  switch (status.type) {
    case "state":
      return status.state satisfies ClientState;
    case "session":
      return String(status.resumed satisfies boolean);
    case "gap":
      return `${status.channel} ${status.cause} ${status.after ?? ""} ${status.since.toFixed()}`;
    case "backpressure":
      return `${status.channel} ${status.active} ${status.queuedEvents + status.queuedBytes}`;
    case "retry":
      return `${status.attempt + status.delayMs} ${status.error.code}`;
    case "subscribe-failed":
      return `${status.channel} ${status.error.failure?.text}`;
    case "multiple-clients":
      return `${status.intervalMs + 1}`;
    case "message-skipped":
      return `${status.channel?.length} ${status.reason}`;
    case "store-failed":
      return `${status.operation} ${status.channel} ${status.error.retryable}`;
    case "reauthenticated":
      return new URL(status.instanceUrl).host;
    case "callback-failed":
      same<typeof status.error, unknown>();
      return status.where;
    default:
      return status satisfies never;
  }
}

export function onError(error: unknown): string {
  if (!isCometdError(error)) return "somebody else's";
  same<typeof error, CometdError>();
  const { code, retryable, channel, status, failure, data, cause } = error;
  same<typeof data, unknown>();
  const known: ErrorCode = code;
  const words: Failure | undefined = failure;
  // @ts-expect-error: there is no such code
  if (code === "no-such-code") return "";
  return [known, retryable, channel?.length, status?.toFixed(), words?.code.toFixed(), words?.args[0], cause].join();
}

const extension: Extension = {
  name: "notary",
  events: true,
  outgoing(message) {
    message.ext = { ...message.ext, notary: true };
  },
  incoming: (message) => (message.channel === "/noise" ? null : message),
};
const retry: RetryOptions = { initialDelayMs: 1, factor: 2, maxDelayMs: 3, maxRetries: 4, handshakesPerMinute: 5 };
const limits: LimitOptions = { queuedEvents: 1, queuedBytes: 2, messageBytes: 3, trackedChannels: 5, requestBytes: 4 };
const viaFetch: FetchLike = (url, init) => fetch(url, init);
const log = ({ level, message }: LogEntry): void => console.log(level, message);

export const everything: ConnectOptions = {
  url: new URL("https://example.com/cometd"),
  headers: { authorization: "Bearer …" },
  retry: { ...retry, sessionWindowMs: 6 },
  limits,
  networkDelayMs: 1,
  connectTimeoutMs: Infinity,
  onStatus: (status) => same<typeof status, Status>(),
  ack: false,
  appendMessageTypeToURL: true,
  extensions: [extension],
  fetch: viaFetch,
  signal: new AbortController().signal,
  log,
};

/** A replay id may be written as a number where it fits into one. */
export const starts: SubscribeOptions[] = [{ start: -2 }, { start: 17 }, { start: { "/a": "9007199254740993" } }];

/** Values that may be missing can be passed on as they are, also under `exactOptionalPropertyTypes`. */
export function passOn(signal: AbortSignal | undefined, maxRetries: number | undefined): Promise<Client> {
  const options: SubscribeOptions = { signal };
  return connectInline({ url: "https://example.com", ...options, retry: { maxRetries }, fetch: undefined });
}

/** A service binding is an object with a method of that name. */
export async function throughBinding(binding: { fetch: FetchLike }): Promise<Tap<Status>> {
  const client = await connect({ url: "https://example.com/cometd", fetch: binding });
  const tap = client.status();
  same<typeof tap.dropped, number>();
  return tap;
}

/** What WebCrypto gives signs, whatever the types of the environment call it. */
export async function loggedIn(pem: string, der: ArrayBuffer): Promise<Client> {
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  const key: SigningKey = await crypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
  const [byKey, byText] = [key, pem].map((privateKey) => jwtBearer({ clientId: "c", username: "u", privateKey }));
  // @ts-expect-error: a key is text or WebCrypto's
  jwtBearer({ clientId: "c", username: "u", privateKey: 1 });
  return connectSalesforce({ auth: byKey ?? byText ?? jwtBearer({ clientId: "c", username: "u", privateKey: pem }) });
}

/** A snapshot travels as JSON. */
export async function forAMoment(text: string): Promise<string> {
  const client = await connect({ url: "https://example.com/cometd", resume: JSON.parse(text) as Snapshot });
  for await (const { data } of client.drain<{ n: number }>({ idleMs: 1_000, deadlineMs: 10_000 })) {
    same<typeof data, { n: number }>();
  }
  // @ts-expect-error: the deadline is missing
  void client.drain({ idleMs: 1_000 });
  return JSON.stringify(await client.suspend());
}

export async function byHand(bytes: ArrayBuffer): Promise<Client> {
  await load(bytes);
  await load(fetch("/cometd-edge.wasm"));
  return connectManual({ url: "https://example.com/cometd" });
}

// @ts-expect-error: the url is missing
void connect({});
// @ts-expect-error: there is no such option
void connect({ url: "https://example.com", retries: 5 });
