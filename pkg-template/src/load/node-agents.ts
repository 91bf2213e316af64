/** The connections of the node entry: kept alive, and through a proxy where Node's own agent goes through one. */
import { Agent, globalAgent, type AgentOptions } from "node:http";
import { Agent as TlsAgent } from "node:https";

let plain: Agent | undefined;
let tls: TlsAgent | undefined;

export function agentFor(protocol: string): Agent {
  return protocol === "https:" ? (tls ??= new TlsAgent(options())) : (plain ??= new Agent(options()));
}

/** Is a proxy asked for, of a Node whose `node:http` knows none? Its `fetch` may know one. */
export function onlyFetchKnowsProxies(): boolean {
  return process.env.NODE_USE_ENV_PROXY === "1" && !proxyEnv();
}

function options(): AgentOptions {
  // An idle socket that the server has closed meanwhile fails the next request. Node ends idle sockets a second before
  // the time that the server's `Keep-Alive` header announces; `timeout` covers the servers that announce none.
  return { keepAlive: true, timeout: 4_000, proxyEnv: proxyEnv() };
}

/**
 * What Node's own agent was given for `NODE_USE_ENV_PROXY=1` or `--use-env-proxy`, by Node 22.21, 24.5 and later: the
 * environment with its `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`.
 */
function proxyEnv(): AgentOptions["proxyEnv"] {
  return (globalAgent as { options?: AgentOptions }).options?.proxyEnv;
}
