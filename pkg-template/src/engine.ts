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
  /** What a service sent along with the failure of a call, as JSON. */
  data?: string;
  /** The request that failed, as in {@link EngineHost.wait}. */
  request?: number;
  /** The last of several failures. */
  last?: ErrorRecord;
}

/**
 * What the wasm calls, always (but for `now`) from its own task and never while one of its exports is on the stack, so
 * that each of these may call back into the {@link Engine}. None may throw; the wasm treats a throw as a bug of this side.
 */
export interface EngineHost {
  /** One HTTP exchange. A rejection counts as a network failure. */
  transport(url: string, init: RequestInit): Promise<Response>;
  /** Tells {@link TURN} in a microtask. */
  wake(callback: EngineCallback): void;
  /** Tells what a promise comes to, or what is none; of a rejection, its words. */
  wait(value: unknown, request: number, callback: EngineCallback): void;
  /** Milliseconds on a monotonic clock. */
  now(): number;
  /** Tells {@link TURN_OVER} once the microtask queue has drained, soon, and not in the current call. */
  defer(callback: EngineCallback): void;
  /** Tells {@link TIMER} after a while; in place of the time before, if that is not over yet. */
  delay(callback: EngineCallback, ms: number): void;
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
  /** A message of the server, for `client.messages()`; only after {@link TAP}. */
  message(text: string): void;
  /** Lets extensions see one message, as JSON text; returns the text to go on with, `""` to drop it. */
  inspect(incoming: boolean, text: string): string;
  /** A request is about to go out, and needs its headers; {@link HEADERS} answers. Only with {@link EngineOptions.asksHeaders}. */
  headers(request: number): void;
  /**
   * Asks for a token; {@link TOKEN} or {@link TOKEN_FAILED} answers. `refused`: the last one was. `moved`: the instance may
   * be another one by now.
   */
  authenticate(refused: boolean, moved: boolean): void;
  /** REST calls that wait for a token since {@link REFUSED} get none for now. */
  noToken(): void;
  /** Asks the replay store; {@link LOADED} answers. A new number replaces an older request for the channel. */
  load(request: number, channel: string): void;
  /** Hands a position to the replay store; {@link SAVED} answers. `createdDate` is `""` where there is none. */
  save(request: number, channel: string, replayId: string, createdDate: string): void;
  /** Asks `shouldRetrySubscribe`; {@link DECIDED} answers. Only with {@link EngineOptions.decides}. */
  decide(request: number, channel: string, error: ErrorRecord): void;
  /** A line for the caller's `log`. */
  log(level: string, message: string): void;
  /** The last call: nothing is in flight, and a timer that is set is of no use. `error` is why, `undefined` after `close()`. */
  closed(error: ErrorRecord | undefined): void;
}

/**
 * The engine's own, always the same: not to be called in a call of the engine, nor once {@link EngineHost.closed} was. A
 * request's number and what its promise came to, or one of those below.
 */
export type EngineCallback = (what: number, value: unknown, failed: boolean) => void;
export const TURN = 0;
export const TIMER = -1;
export const TURN_OVER = -2;

/** Options after checking, as plain numbers and strings; absent ones take the defaults of the core. */
export interface EngineOptions {
  /** Absolute, as `new URL(…).href` writes it. */
  url: string;
  /** Names and values in turn. */
  headers: string[];
  /** As the public option `appendMessageTypeToURL`. */
  appendMessageType?: boolean;
  /** {@link EngineHost.headers} is asked before each request. */
  asksHeaders: boolean;
  /** As a `Cookie` header writes them. */
  cookies?: string;
  /** `false` where the host keeps cookies itself (browsers): no jar, `credentials: "include"`. */
  ownCookies: boolean;
  ack?: boolean;
  networkDelayMs?: number;
  connectTimeoutMs?: number;
  initialDelayMs?: number;
  factor?: number;
  maxDelayMs?: number;
  /** Absent: 10 before the first session, unlimited after it. */
  maxRetries?: number;
  handshakesPerMinute?: number;
  sessionWindowMs?: number;
  queuedEvents?: number;
  queuedBytes?: number;
  uncommittedEvents?: number;
  messageBytes?: number;
  trackedChannels?: number;
  requestBytes?: number;
  /** The dialect of Salesforce: no acknowledgement extension, its window and limits, and S5a. */
  salesforce: boolean;
  /** Requests carry a token: nothing is sent before the first {@link TOKEN}. */
  auth: boolean;
  /** Positions are followed, and come from and go to {@link EngineHost.load} and {@link EngineHost.save}. */
  replay: boolean;
  /** Hosts besides the url's own that tokens may be sent to, `*.` for all below. */
  allowedHosts: string[];
  /** What {@link SUSPEND} gave (S17), as JSON. */
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

/**
 * What {@link Engine.input} is told; src/js/told.rs has the same numbers. After each, what its arguments are, in
 * order: a number, two texts, two numbers.
 */
/** Begins with the handshake. `host.settled(0, …)` reports the first one: success, or the reason to give up. */
export const START = 0;
/**
 * An id, and channels as a JSON array. `host.settled(id, …)` ends it: the replies of the channels that were accepted.
 *
 * With replay, the second text is a JSON array: when to commit, what follows where a position is refused, and where each
 * channel starts if the store has no position: `"-1"` for new events, `"-2"` for all, else a replay id. `"[]"` without.
 */
export const SUBSCRIBE = 1;
/**
 * A command, and behind the texts the subscription to end and the sequence number of the last event of it that was handed
 * out, 0 for none (R3a). `host.settled(command, …)` once the server has answered, `host.ended` before that.
 */
export const UNSUBSCRIBE = 2;
/**
 * A reader, and behind the texts a sequence number up to which all its events were handed out, or are done with (1);
 * counts for subscriptions whose commit mode says so (R3). Only with replay.
 */
export const PROGRESS = 3;
/** A command, behind the texts a reader and a sequence number: `event.commit()`. Only with replay. */
export const COMMIT = 4;
/** A number that ascends from 1, a token, and the endpoint that it is good for. */
export const TOKEN = 5;
/** There is no token. 1: ask again after a while; else the client ends with the text. */
export const TOKEN_FAILED = 6;
/** A REST call with the token of this number was answered 401, and waits for the next one, or for `host.noToken`. */
export const REFUSED = 7;
/** 0 and an address. Throws `"instance-refused"` if no token may be sent there (X1). */
export const CHECK_INSTANCE = 8;
/**
 * The request, what the replay store gave (`""` for no position), what went wrong (`""` for nothing), and whether what is
 * stored makes no sense.
 */
export const LOADED = 9;
/** The request, and what went wrong, `""` for nothing. */
export const SAVED = 10;
/** The request, and behind the texts what `shouldRetrySubscribe` said: 1 try again, 0 give up, -1 as the engine thinks. */
export const DECIDED = 11;
/** A command, a channel, the data as JSON. */
export const PUBLISH = 12;
/** A command, and messages as a JSON array of objects. */
export const SEND = 13;
/**
 * A command, and behind the texts two spans in milliseconds: goes on until it is idle for that long or until the deadline,
 * and then rests (D1); `host.settled(command, …)` at that moment. `Infinity`: no limit.
 */
export const DRAIN = 14;
/** A command. Rests; `host.settled(command, …)` once what is committed is saved, within two seconds (D2). */
export const REST = 15;
/** 1: the page is hidden; 0: it is shown again (R7a). */
export const HIDDEN = 16;
/** A command. Ends without ending the session; `host.settled(command, …)` with the snapshot, then `host.closed` (S17). */
export const SUSPEND = 17;
/** 0, a JSON array of subscriptions, and an event for them of the client before. */
export const RESTORE = 18;
/** Disconnects; `host.closed` follows within two seconds. May be told again. */
export const CLOSE = 19;
/** Gives the subscription a reader of its own: `events()` (reader 0) does not take from it any longer. */
export const CLAIM = 20;
/** The application is done with all events that this reader took. */
export const TAKEN = 21;
/** Turns {@link EngineHost.message} on (1) or off. */
export const TAP = 22;
/** Panics in the engine's task: for the test that shows what a panic does. */
export const TRAP = 23;
/**
 * A command, a `/service/*` channel, the data as JSON, and for how many milliseconds to wait for the answer, 0 for as long as
 * `networkDelayMs`. `host.settled(command, …)` with the answer.
 */
export const CALL = 24;
/** A call that nobody waits for any longer: it does not settle. */
export const CANCEL = 25;
/** Ends what waits for a back-off (S8). */
export const RETRY_NOW = 26;
/** The request, the names and values in turn as a JSON array, and why there are none, `""` where there are. */
export const HEADERS = 27;

/** Two texts, then two numbers. */
export type More = [one?: string, two?: string, second?: number | boolean, third?: number | boolean];

/** What the engine is told, and the arguments of that. */
export type Told = [what: number, first?: number | boolean, ...more: More];

/** The exported class. Calls throw an {@link ErrorRecord} on misuse, and call nothing but {@link EngineHost.now}. */
export interface Engine {
  /** Everything goes through one method: each more costs a tenth of a kilobyte. Nothing may be left out. */
  input(...told: Required<Told>): void;
  /**
   * Takes the next sub-batch for a reader (at most 64 kB unless a single event is larger) and returns how many events it
   * holds; 0 when none waits. {@link text} and {@link offsets} give it away, once.
   */
  take(reader: number): number;
  text(): string;
  /** {@link OFFSETS_PER_EVENT} numbers an event, UTF-16 positions into {@link text}. */
  offsets(): Uint32Array;
  /** Of the Bayeux session in progress; `""` where there is none. */
  clientId(): string;
  /** When the engine next wants to act, on the clock of `now()`; -1 where it waits for the network alone. */
  deadline(): number;
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
