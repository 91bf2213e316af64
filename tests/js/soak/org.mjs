// The org of a soak: what is published there, what goes wrong, and what its server counts.

import http from "node:http";

export const CHANNELS = ["/event/Order__e", "/event/Invoice__e", "/data/AccountChangeEvent"];

export class Org {
  #control;
  published = Object.fromEntries(CHANNELS.map((channel) => [channel, 0]));

  constructor(announced) {
    this.#control = announced.control;
    this.port = Number(new URL(announced.control).port);
    this.login = announced.salesforce;
  }

  /** So many on each channel. */
  async publish(count) {
    for (const channel of CHANNELS) {
      await this.order("publish", { channel, data: { text: "x".repeat(100) }, count });
      this.published[channel] += count;
    }
  }

  order(action, body = {}) {
    return call("POST", `${this.#control}/${action}`, body);
  }

  /** The faults that have met no request yet will meet none. */
  calm() {
    return call("DELETE", `${this.#control}/faults`);
  }

  stats() {
    return call("GET", `${this.#control}/stats`);
  }
}

/** On a connection of its own, so that those that are open are the clients'. */
function call(method, url, body) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, agent: false }, async (response) => {
      try {
        let text = "";
        for await (const chunk of response) text += chunk;
        if (response.statusCode !== 200) throw new Error(`${url}: ${response.statusCode} ${text}`);
        resolve(JSON.parse(text));
      } catch (error) {
        reject(error);
      }
    });
    request.on("error", reject);
    request.end(body && JSON.stringify(body));
  });
}
