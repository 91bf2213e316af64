// Lines: TCP proxies in front of a server that can be cut, frozen and made to refuse. Whoever is served does not know;
// so the same faults hit servers that others wrote. Driven over HTTP, since the suite runs in a worker or a page:
//
//   POST /lines {"port"}             → {"id", "port"}: connect to that port instead
//   POST /lines/ID/cut               drops every open connection now
//   POST /lines/ID/cut {"after"}     passes the server's bytes up to and with this text, then drops that connection
//   POST /lines/ID/freeze            open connections stay open, and nothing passes in them any more; where none of them
//                                    waits for an answer, the next request meets the same
//   POST /lines/ID/refuse {"on"}     drops, or takes again, each new connection
//   POST /lines/ID/stats             → {"open", "cuts"}
//   POST /lines/ID/close

import http from "node:http";
import net from "node:net";

class Line {
  #server = net.createServer({ noDelay: true }, (client) => this.#serve(client));
  #upstreamPort;
  #pairs = new Set();
  #cutAfter;
  #refusing = false;
  #freezesNext = false;
  #cuts = 0;

  constructor(upstreamPort) {
    this.#upstreamPort = upstreamPort;
  }

  listen() {
    return new Promise((resolve) => {
      this.#server.listen(0, "127.0.0.1", () => resolve(this.#server.address().port));
    });
  }

  cut({ after }) {
    if (after !== undefined) {
      this.#cutAfter = Buffer.from(after);
      return;
    }
    for (const pair of this.#pairs) this.#drop(pair);
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
    const pair = { client, upstream, frozen: false, asked: false, seen: Buffer.alloc(0) };
    this.#pairs.add(pair);
    upstream.on("error", () => {});
    client.on("data", (chunk) => {
      pair.frozen ||= this.#freezesNext;
      pair.asked = true;
      this.#freezesNext = false;
      if (!pair.frozen) upstream.write(chunk);
    });
    upstream.on("data", (chunk) => {
      pair.asked = false;
      if (!pair.frozen) this.#pass(pair, chunk);
    });
    // A frozen pair does not even tell that the other side has gone.
    client.on("close", () => {
      this.#pairs.delete(pair);
      upstream.destroy();
    });
    upstream.on("close", () => pair.frozen || client.end());
  }

  #pass(pair, chunk) {
    const text = this.#cutAfter;
    if (!text) {
      pair.client.write(chunk);
      return;
    }
    // The text may lie across two chunks, so the end of the one before is looked at again.
    const joined = Buffer.concat([pair.seen, chunk]);
    const at = joined.indexOf(text);
    if (at < 0) {
      pair.seen = joined.subarray(Math.max(0, joined.length - text.length + 1));
      pair.client.write(chunk);
      return;
    }
    this.#cutAfter = undefined;
    this.#drop(pair, chunk.subarray(0, Math.max(0, at + text.length - pair.seen.length)));
  }

  #drop(pair, last) {
    this.#cuts += 1;
    this.#pairs.delete(pair);
    pair.upstream.destroy();
    // The last bytes must arrive before the end does.
    if (last) pair.client.end(last, () => pair.client.destroy());
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
