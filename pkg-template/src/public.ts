/** What every entry of the package exports, beside its `connect`. */
export { Client } from "./client.js";
export { CometdError, isCometdError } from "./errors.js";
export type { CometdErrorDetails, ErrorCode, Failure, OAuthFailure } from "./errors.js";
export { CometdEvent } from "./event.js";
export { Subscription } from "./subscription.js";
export type {
  Authenticator,
  CallOptions,
  ClientState,
  CommitMode,
  ConnectOptions,
  DrainOptions,
  Extension,
  FetchLike,
  HeaderSource,
  InvalidPosition,
  LimitOptions,
  LogEntry,
  Message,
  Position,
  ReplayOptions,
  ReplayStore,
  RetryOptions,
  Snapshot,
  Start,
  Status,
  SubscribeOptions,
  Tap,
  Token,
  TokenContext,
} from "./types.js";
