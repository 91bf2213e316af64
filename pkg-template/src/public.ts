/** What every entry of the package exports, beside its `connect`. */
export { Client } from "./client.js";
export { CometdError, isCometdError } from "./errors.js";
export type { CometdErrorDetails, ErrorCode, Failure } from "./errors.js";
export { CometdEvent } from "./event.js";
export { Subscription } from "./subscription.js";
export type {
  ClientState,
  ConnectOptions,
  Extension,
  FetchLike,
  LimitOptions,
  LogEntry,
  Message,
  RetryOptions,
  Status,
  SubscribeOptions,
  Tap,
} from "./types.js";
