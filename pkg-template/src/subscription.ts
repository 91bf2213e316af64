import type { CometdEvent } from "./event.js";
import type { Feed } from "./feed.js";
import { LEFT, type Reader } from "./reader.js";
import { asyncDispose } from "./runtime.js";

/**
 * The events of one or more channels, in the order of arrival. Made by `client.subscribe()`.
 *
 * It is read once, in one of three ways: by a `for await` loop over it, by {@link batches} or by {@link stream}.
 * Leaving the loop in any way ends the subscription, and so does leaving the scope of an `await using`. While nobody
 * reads it, `client.events()` does.
 *
 * With `replay`, a channel whose last loop was left stays subscribed at the server for 3 s, and who subscribes to it within
 * that time is given what is not committed at once: a view that is mounted twice costs nothing. {@link unsubscribe} tells the
 * server at once.
 */
export class Subscription<T = unknown> implements AsyncIterable<CometdEvent<T>>, AsyncDisposable {
  readonly #feed: Feed;

  /** @internal */
  constructor(feed: Feed) {
    this.#feed = feed;
  }

  /** What is subscribed; channels that the server refused are not in it. */
  get channels(): readonly string[] {
    return this.#feed.channels;
  }

  /** Resolves at the end: with the error that brought it, with `signal.reason`, or with `undefined`. Never rejects. */
  get closed(): Promise<Error | undefined> {
    return this.#feed.closed;
  }

  /**
   * The events one by one. Calls of `next()` may overlap. An error that ends the subscription is thrown once, after
   * the events that came before it; a signal's reason is thrown at once.
   *
   * @throws CometdError `"already-reading"` if there is or was a reader
   */
  [Symbol.asyncIterator](): AsyncIterator<CometdEvent<T>, undefined> {
    return this.#feed.events() as Reader<CometdEvent<T>>;
  }

  /**
   * The events in arrays of what is there, at least one and at most some 64 kB: for those who write to a database.
   *
   * @throws CometdError `"already-reading"` if there is or was a reader
   */
  batches(): AsyncIterable<CometdEvent<T>[]> {
    return this.#feed.batches() as Reader<CometdEvent<T>[]>;
  }

  /**
   * The events as a stream, which asks for one when it is asked for one. Cancelling it ends the subscription.
   *
   * Streams that are piped ask ahead, and so the events would count as done before they are: with `replay`, use
   * `commit: "manual"` where the stream goes through a pipe, and `event.commit()` at its end.
   *
   * @throws CometdError `"already-reading"` if there is or was a reader
   */
  stream(): ReadableStream<CometdEvent<T>> {
    const reader = this.#feed.events() as Reader<CometdEvent<T>>;
    let cancelled = false;
    return new ReadableStream<CometdEvent<T>>(
      {
        async pull(controller) {
          const { done, value } = await reader.next();
          if (cancelled) return;
          if (done) controller.close();
          else controller.enqueue(value);
        },
        async cancel() {
          cancelled = true;
          await reader.return();
        },
      },
      { highWaterMark: 0 },
    );
  }

  /**
   * Ends the subscription: its reader is done at once, and events not yet given out are dropped. May be called again.
   *
   * @returns a promise that resolves when the server has answered
   */
  unsubscribe(): Promise<void> {
    return this.#feed.release(LEFT);
  }

  /** As {@link unsubscribe}. */
  [asyncDispose](): Promise<void> {
    return this.unsubscribe();
  }
}
