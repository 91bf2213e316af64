/** Hosts of login servers. Where tokens may be sent is decided in the wasm; this is needed before it is loaded. */

/** As `src/salesforce/hosts.rs` has them, where a test compares the two. */
const DOMAINS = ["salesforce.com", "force.com", "salesforce.mil", "cloudforce.com", "database.com", "sfcrmproducts.cn"];

/** Is the host Salesforce's own? All arguments here are as `URL` writes a host: in lower case. */
export function isSalesforce(host: string): boolean {
  return DOMAINS.some((domain) => host === domain || host.endsWith(`.${domain}`));
}

/** Does one of the patterns allow the host? `*.example.com` stands for all below `example.com`. */
export function isAllowed(host: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => (pattern.startsWith("*.") ? host.endsWith(pattern.slice(1)) : host === pattern));
}

/** The login hosts that all orgs share. */
export function isSharedLogin(host: string): boolean {
  return host === "login.salesforce.com" || host === "test.salesforce.com";
}

/** Does the login host belong to a sandbox or scratch org? */
export function isSandbox(host: string): boolean {
  return host === "test.salesforce.com" || /--|\.(sandbox|scratch)\.my\./.test(host);
}
