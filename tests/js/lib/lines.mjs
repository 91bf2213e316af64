// Lines: TCP proxies in front of a server that can be cut, frozen and made to refuse. Whoever is served does not know;
// so the same faults hit servers that others wrote. Driven over HTTP, since the suite runs in a worker or a page:
//
//   POST /lines {"port"}             → {"id", "port"}: connect to that port instead
//   POST /lines/ID/cut               drops every open connection now
//   POST /lines/ID/cut {"after", "more", "how"}
//                                    passes the server's bytes up to and with this text, and so many more (0), then ends
//                                    that connection: "drop" (the default), "reset", or "freeze", which only stops it
//   POST /lines/ID/lose              drops the next request before the server has it
//   POST /lines/ID/delay {"ms"}      holds the next answer back for so long
//   POST /lines/ID/freeze            open connections stay open, and nothing passes in them any more; where none of them
//                                    waits for an answer, the next request meets the same
//   POST /lines/ID/refuse {"on"}     drops, or takes again, each new connection
//   POST /lines/ID/stats             → {"open", "cuts"}
//   POST /lines/ID/close

import http from "node:http";
import net from "node:net";

export class Line {
  #server = net.createServer({ noDelay: true }, (client) => this.#serve(client));
  #upstreamPort;
  #pairs = new Set();
  /** Where the next answer is cut: `{ text, more, how }`. */
  #cut;
  #refusing = false;
  #freezesNext = false;
  #losesNext = false;
  #delayMs = 0;
  #cuts = 0;

  constructor(upstreamPort) {
    this.#upstreamPort = upstreamPort;
  }

  listen() {
    return new Promise((resolve) => {
      this.#server.listen(0, "127.0.0.1", () => resolve(this.#server.address().port));
    });
  }

  cut({ after, more = 0, how = "drop" }) {
    if (after !== undefined) {
      this.#cut = { text: Buffer.from(after), more, how };
      return;
    }
    for (const pair of this.#pairs) this.#end(pair, how);
  }

  lose() {
    this.#losesNext = true;
  }

  delay({ ms }) {
    this.#delayMs = ms;
  }

  /** What was ordered and has met nothing yet will meet nothing. */
  calm() {
    this.#cut = undefined;
    this.#refusing = this.#freezesNext = this.#losesNext = false;
    this.#delayMs = 0;
    for (const pair of this.#pairs) pair.end = undefined;
  }

  /** Does something that was ordered still wait for a request or an answer? */
  get waits() {
    const cut = this.#cut !== undefined || [...this.#pairs].some(({ end }) => end);
    return cut || this.#losesNext || this.#freezesNext || this.#delayMs > 0;
  }

  /** Freezes the request in flight; between two requests, the next one. */
  freeze() {
    this.#freezesNext = ![...this.#pairs].some((pair) => pair.asked);
    for (const pair of this.#pairs) pair.frozen = true;
  }

  refuse({ on }) {
    this.#refusing = on;
  }

  stats() {
    return { open: this.#pairs.size, cuts: this.#cuts };
  }

  close() {
    this.#server.close();
    for (const { client, upstream } of this.#pairs) {
      client.destroy();
      upstream.destroy();
    }
  }

  #serve(client) {
    client.on("error", () => {});
    if (this.#refusing) {
      client.destroy();
      return;
    }
    const upstream = net.connect({ port: this.#upstreamPort, host: "127.0.0.1", noDelay: true });
    const pair = { client, upstream, frozen: false, asked: false, seen: Buffer.alloc(0), end: undefined };
    this.#pairs.add(pair);
    upstream.on("error", () => {});
    client.on("data", (chunk) => this.#ask(pair, chunk));
    upstream.on("data", (chunk) => this.#answer(pair, chunk));
    // A frozen pair does not even tell that the other side has gone.
    client.on("close", () => {
      this.#pairs.delete(pair);
      upstream.destroy();
    });
    upstream.on("close", () => pair.frozen || client.end());
  }

  #ask(pair, chunk) {
    if (this.#losesNext) {
      this.#losesNext = false;
      this.#end(pair, "drop");
      return;
    }
    pair.frozen ||= this.#freezesNext;
    pair.asked = true;
    this.#freezesNext = false;
    if (!pair.frozen) pair.upstream.write(chunk);
  }

  #answer(pair, chunk) {
    pair.asked = false;
    if (pair.frozen) return;
    const ms = this.#delayMs;
    this.#delayMs = 0;
    if (ms === 0) {
      this.#pass(pair, chunk);
      return;
    }
    pair.upstream.pause();
    setTimeout(() => {
      this.#pass(pair, chunk);
      pair.upstream.resume();
    }, ms);
  }

  #pass(pair, chunk) {
    pair.end ??= this.#place(pair, chunk);
    const { end } = pair;
    if (end && end.left <= chunk.length) {
      this.#end(pair, end.how, chunk.subarray(0, end.left));
      return;
    }
    if (end) end.left -= chunk.length;
    pair.client.write(chunk);
  }

  /** Where it is cut, counted from this chunk's beginning, if the text that was ordered is in it. */
  #place(pair, chunk) {
    if (!this.#cut) return undefined;
    const { text, more, how } = this.#cut;
    // The text may lie across two chunks, so the end of the one before is looked at again.
    const joined = Buffer.concat([pair.seen, chunk]);
    const at = joined.indexOf(text);
    if (at < 0) {
      pair.seen = joined.subarray(Math.max(0, joined.length - text.length + 1));
      return undefined;
    }
    this.#cut = undefined;
    return { left: Math.max(0, at + text.length - pair.seen.length) + more, how };
  }

  #end(pair, how, last) {
    this.#cuts += 1;
    if (how === "freeze") {
      if (last) pair.client.write(last);
      pair.frozen = true;
      pair.end = undefined;
      return;
    }
    this.#pairs.delete(pair);
    pair.upstream.destroy();
    if (how === "reset") {
      if (last) pair.client.write(last);
      pair.client.resetAndDestroy();
    }
    // The last bytes must arrive before the end does.
    else if (last) pair.client.end(last, () => pair.client.destroy());
    else pair.client.destroy();
  }
}

/** Starts the control server: `{ port, stop() }`. */
export async function startLines() {
  const lines = new Map();
  const act = async (path, body) => {
    const [, , id, action] = path.split("/");
    if (id === undefined) {
      const line = new Line(body.port);
      const name = String(lines.size + 1);
      lines.set(name, line);
      return { id: name, port: await line.listen() };
    }
    return lines.get(id)[action](body) ?? {};
  };
  const server = http.createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request.setEncoding("utf8")) text += chunk;
    const answer = await act(request.url, JSON.parse(text || "{}")).catch((error) => ({ error: String(error) }));
    response.writeHead(answer.error ? 400 : 200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: server.address().port,
    stop() {
      for (const line of lines.values()) line.close();
      server.close();
      server.closeAllConnections();
    },
  };
}
