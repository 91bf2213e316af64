// What every launcher here has in common: it serves one Bayeux server at `/cometd` and, below `/control/`, two things
// that the Bayeux protocol has no words for. It prints `{"port":…}` as one line and ends when its stdin closes.
//
//   POST /control/publish {"channel", "data": […]}   the server itself publishes each item, in order
//   POST /control/vacated {"channel"}                answers once nobody is subscribed to the channel
//
// Both answer 200 with `{}`. What begins with `/refused/` may neither be subscribed to nor published on.

import http from "node:http";

async function readJson(request) {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk;
  return JSON.parse(text);
}

/** Waiters by channel: each is called, and forgotten, when the channel has no subscriber left. */
export class Vacancies {
  #isEmpty;
  #waiting = new Map();

  /** @param {(channel: string) => boolean} isEmpty asks the server. */
  constructor(isEmpty) {
    this.#isEmpty = isEmpty;
  }

  wait(channel) {
    return new Promise((resolve) => {
      this.#waiting.set(channel, [...(this.#waiting.get(channel) ?? []), resolve]);
      this.check(channel);
    });
  }

  /** To be called whenever a session has left the channel. */
  check(channel) {
    const waiting = this.#waiting.get(channel);
    if (!waiting || !this.#isEmpty(channel)) return;
    this.#waiting.delete(channel);
    for (const resolve of waiting) resolve();
  }
}

/**
 * Serves and announces.
 *
 * @param {{ bayeux: http.RequestListener | ((server: http.Server) => void), publish(channel: string, data: unknown[]):
 *   Promise<void> | void, vacancies: Vacancies, attach?: boolean }} parts
 *   `attach`: `bayeux` hooks itself into the server instead of being called for each request.
 */
export function launch({ bayeux, publish, vacancies, attach = false }) {
  const control = async (request, response) => {
    const { channel, data } = await readJson(request);
    if (request.url === "/control/publish") await publish(channel, data);
    else if (request.url === "/control/vacated") await vacancies.wait(channel);
    else response.statusCode = 404;
    response.end("{}");
  };
  const server = http.createServer((request, response) => {
    if (request.url.startsWith("/control/")) control(request, response).catch((error) => response.destroy(error));
    else if (!attach) bayeux(request, response);
    else response.writeHead(404).end();
  });
  // Clients of all runtimes keep idle connections; closing them early would look like a cut.
  server.keepAliveTimeout = 120_000;
  if (attach) bayeux(server);
  server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
  process.stdin.on("end", () => process.exit(0)).resume();
}

/** Do the rules of the house forbid this channel? */
export function isRefused(channel) {
  return channel.startsWith("/refused/");
}

/** `--name value` pairs of the command line, as numbers. */
export function numbers(defaults) {
  const given = process.argv.slice(2);
  const values = { ...defaults };
  for (let i = 0; i < given.length; i += 2) values[given[i].replace(/^--/, "")] = Number(given[i + 1]);
  return values;
}
