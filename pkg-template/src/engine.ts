/**
 * The boundary to the wasm: what the Rust side exports, and what it calls back.
 *
 * Everything here is internal. The wasm owns the protocol, the queues and the timers; this side owns promises,
 * iterators and the user's callbacks. Ids are small positive integers that this side picks, ascending, one sequence
 * for subscriptions and commands together.
 */

/** A failure as the wasm reports it; `toCometdError` makes the public class of it. */
export interface ErrorRecord {
  code: string;
  message: string;
  retryable: boolean;
  channel?: string;
  /** HTTP status, where one was received. */
  status?: number;
  /** The server's own words, split by the Bayeux error grammar. */
  failure?: { code: number; args: string[]; text: string };
  /** A login server's. */
  oauth?: { error: string; description: string };
}

/**
 * What the wasm calls, always (but for `now`) from its own task and never while one of its exports is on the stack, so
 * that each of these may call back into the {@link Engine}. None may throw; the wasm treats a throw as a bug of this side.
 */
export interface EngineHost {
  /** One HTTP exchange. A rejection counts as a network failure. */
  transport(url: string, init: RequestInit): Promise<Response>;
  /** Milliseconds on a monotonic clock. */
  now(): number;
  /** Runs `callback` once the microtask queue has drained, soon, and not in the current call. */
  defer(callback: () => void): void;
  /** `setTimeout` of the global scope; returns a function that clears it. */
  delay(callback: () => void, ms: number): () => void;
  /** Is the JavaScript client still in use? Asked before each poll; `false` closes the engine. */
  alive(): boolean;
  /** Events wait for this reader: a subscription id, or 0 for `client.events()`. */
  ready(reader: number): void;
  /** A command has ended. `replies` is a JSON array of the server's messages, `"[]"` where there is none. */
  settled(command: number, replies: string, error: ErrorRecord | undefined): void;
  /** A subscription has ended by itself or by `unsubscribe`; queued events may still be taken, then it is over. */
  ended(subscription: number, error: ErrorRecord | undefined): void;
  /** One of `"handshaking" | "connected" | "retrying" | "suspended" | "closed"`. */
  state(state: string): void;
  /** A member of the public `Status` union other than `state`. */
  status(status: object): void;
  /** A message of the server, for `client.messages()`; only after {@link Engine.tap}. */
  message(text: string): void;
  /** Lets extensions see one message, as JSON text; returns the text to go on with, `""` to drop it. */
  inspect(incoming: boolean, text: string): string;
  /** A token is needed; {@link Engine.token} or {@link Engine.tokenFailed} answers. `refused`: the last one was. */
  authenticate(refused: boolean): void;
  /** Asks the replay store; {@link Engine.loaded} answers. A new number replaces an older request for the channel. */
  load(request: number, channel: string): void;
  /** Hands a position to the replay store; {@link Engine.saved} answers. `createdDate` is `""` where there is none. */
  save(request: number, channel: string, replayId: string, createdDate: string): void;
  /** Asks `shouldRetrySubscribe`; {@link Engine.decided} answers. Only with {@link EngineOptions.decides}. */
  decide(request: number, channel: string, error: ErrorRecord): void;
  /** A line for the caller's `log`. */
  log(level: string, message: string): void;
  /** The last call: nothing is in flight, no timer is set. `error` is why, `undefined` after `close()`. */
  closed(error: ErrorRecord | undefined): void;
}

/** Options after checking, as plain numbers and strings; absent ones take the defaults of the core. */
export interface EngineOptions {
  /** Absolute, as `new URL(…).href` writes it. */
  url: string;
  /** Names and values in turn. */
  headers: string[];
  /** `false` where the host keeps cookies itself (browsers): no jar, `credentials: "include"`. */
  ownCookies: boolean;
  ack?: boolean;
  networkDelayMs?: number;
  initialDelayMs?: number;
  factor?: number;
  maxDelayMs?: number;
  /** Absent: 10 before the first session, unlimited after it. */
  maxRetries?: number;
  handshakesPerMinute?: number;
  sessionWindowMs?: number;
  queuedEvents?: number;
  queuedBytes?: number;
  messageBytes?: number;
  requestBytes?: number;
  /** The dialect of Salesforce: no acknowledgement extension, its window and limits, and S5a. */
  salesforce: boolean;
  /** Requests carry a token: nothing is sent before the first {@link Engine.token}. */
  auth: boolean;
  /** Positions are followed, and come from and go to {@link EngineHost.load} and {@link EngineHost.save}. */
  replay: boolean;
  /** Hosts besides the url's own that tokens may be sent to, `*.` for all below. */
  allowedHosts: string[];
  /** What {@link Engine.suspend} gave (S17), as JSON. */
  resume?: string;
  /** There is a `shouldRetrySubscribe`. */
  decides: boolean;
  /** Which messages {@link EngineHost.inspect} sees. */
  inspect: "none" | "meta" | "all";
  /** Feeds the retry jitter. */
  seed: number;
  /** Unix time in milliseconds at 0 of {@link EngineHost.now}. */
  unixMsAtZero: number;
}

/** The exported class. Calls throw an {@link ErrorRecord} on misuse, and call nothing but {@link EngineHost.now}. */
export interface Engine {
  /** Begins with the handshake. `host.settled(0, …)` reports the first one: success, or the reason to give up. */
  start(): void;
  /**
   * `channels` is a JSON array. `host.settled(id, …)` ends it: the replies of the channels that were accepted.
   *
   * With replay, `starts` is a JSON array of where each channel starts if the store has no position: `"-1"` for new
   * events, `"-2"` for all, else a replay id. `"[]"` without replay.
   */
  subscribe(id: number, channels: string, starts: string, commit: string, onInvalidPosition: string): void;
  /**
   * Ends a subscription; `host.settled(command, …)` once the server has answered, `host.ended` before that. `handed` is
   * the sequence number of the last event of it that was handed out, 0 for none (R3a).
   */
  unsubscribe(command: number, subscription: number, handed: number): void;
  /**
   * All events of a reader up to this sequence number were handed out, or are `done` with; counts for subscriptions
   * whose commit mode says so (R3). Only with replay.
   */
  progress(reader: number, sequence: number, done: boolean): void;
  /** `event.commit()`; `host.settled(command, …)` once a position at or above it is saved. Only with replay. */
  commit(command: number, reader: number, sequence: number): void;
  /** A token with a number that ascends from 1, and the endpoint that it is good for. */
  token(number: number, accessToken: string, url: string): void;
  /** There is no token. `retryable`: ask again after a while; else the client ends with `message`. */
  tokenFailed(message: string, retryable: boolean): void;
  /** A REST call with this token was answered 401. */
  refused(token: number): void;
  /** @throws ErrorRecord `"instance-refused"` if no token may be sent to this address (X1). */
  checkInstance(url: string): void;
  /** What the replay store gave: `replayId` is `""` for no position; `problem` is what went wrong, `""` for nothing. */
  loaded(request: number, replayId: string, problem: string, invalid: boolean): void;
  /** `problem` is what went wrong, `""` for nothing. */
  saved(request: number, problem: string): void;
  /** What `shouldRetrySubscribe` said: 1 try again, 0 give up, -1 as the engine thinks. */
  decided(request: number, verdict: number): void;
  /** `data` is JSON. */
  publish(command: number, channel: string, data: string): void;
  /** `messages` is a JSON array of objects. */
  send(command: number, messages: string): void;
  /**
   * Goes on until it is idle for `idleMs` or until the deadline, and then rests (D1); `host.settled(command, …)` at that
   * moment. `Infinity`: no limit.
   */
  drain(command: number, idleMs: number, deadlineMs: number): void;
  /** Rests; `host.settled(command, …)` once what is committed is saved, within two seconds (D2). */
  rest(command: number): void;
  /** The page is hidden, or shown again (R7a). */
  hidden(hidden: boolean): void;
  /** Ends without ending the session; `host.settled(command, …)` with the snapshot, then `host.closed` (S17). */
  suspend(command: number): void;
  /** Gives out an event of the client before. `subscriptions` is a JSON array of their ids. */
  restore(subscriptions: string, message: string): void;
  /** Disconnects; `host.closed` follows within two seconds. May be called again. */
  close(): void;
  /** Gives the subscription a reader of its own: `events()` (reader 0) does not take from it any longer. */
  claim(subscription: number): void;
  /**
   * Takes the next sub-batch for a reader (at most 64 kB unless a single event is larger) and returns how many events it
   * holds; 0 when none waits. {@link text} and {@link offsets} describe it until the next `take`.
   */
  take(reader: number): number;
  text(): string;
  /** {@link OFFSETS_PER_EVENT} numbers an event, UTF-16 positions into {@link text}. */
  offsets(): Uint32Array;
  /** The application is done with all events that this reader took. */
  taken(reader: number): void;
  /** Turns {@link EngineHost.message} on or off. */
  tap(on: boolean): void;
  /** When the engine next wants to act, on the clock of `now()`; -1 where it waits for the network alone. */
  deadline(): number;
  /** Panics in the engine's task: for the test that shows what a panic does. */
  trap(): void;
  free(): void;
}

/**
 * Layout of {@link Engine.offsets}, each a start and an end: the whole message, its `data`, its channel (decoded), its
 * replay id (digits or decoded text), its creation date. Equal start and end: absent. Then its sequence number, which
 * ascends over all events of a client.
 */
export const OFFSETS_PER_EVENT = 11;

/** What a loader gives: the generated module, once its wasm runs. */
export interface Glue {
  Engine: new (host: EngineHost, options: EngineOptions) => Engine;
  /** Hands over what is thrown out of the wasm where nobody could catch it. `true`: dealt with. */
  __on_trap(handler: (error: unknown) => boolean): void;
  /** Throws the instance away and makes a fresh one of the same module. */
  __wbg_reset_state(): void;
}
