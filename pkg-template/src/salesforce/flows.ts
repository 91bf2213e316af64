import { CometdError, describe } from "../errors.js";
import { invalid } from "../options.js";
import type { Authenticator, Token, TokenContext } from "../types.js";
import { checkStrings, makeFlow } from "./login.js";

/** Options of {@link password}. */
export interface PasswordOptions {
  /** The consumer key of the app. */
  clientId: string;
  /** The consumer secret of the app. */
  clientSecret: string;
  username: string;
  password: string;
  /** Needed unless the login comes from an address that the org trusts. Default: none. */
  securityToken?: string | undefined;
}

/**
 * Logs in by user name and password.
 *
 * Orgs block this flow unless "Allow OAuth Username-Password Flows" is on in their OAuth settings, as it is not in new
 * ones; apps made as External Client Apps do not have it at all, and neither do users with multi-factor login. Prefer
 * {@link clientCredentials} or `jwtBearer`.
 */
export function password(options: PasswordOptions): Authenticator {
  checkStrings("password", options, ["clientId", "clientSecret", "username", "password"]);
  const { clientId, clientSecret, username, securityToken = "" } = options;
  if (typeof securityToken !== "string") throw invalid("password: securityToken must be a string");
  const form = {
    client_id: clientId,
    client_secret: clientSecret,
    username,
    password: options.password + securityToken,
  };
  return makeFlow("password", (_, login) => login(form));
}

/** Options of {@link clientCredentials}. */
export interface ClientCredentialsOptions {
  /** The consumer key of the app. */
  clientId: string;
  /** The consumer secret of the app. */
  clientSecret: string;
}

/**
 * Logs in as the app, which runs as the user that its settings name.
 *
 * Works only with the org's My Domain as `loginUrl`. The app needs "Enable Client Credentials Flow" and a run-as user;
 * orgs that do not allow new connected apps have it in External Client Apps.
 */
export function clientCredentials(options: ClientCredentialsOptions): Authenticator {
  checkStrings("clientCredentials", options, ["clientId", "clientSecret"]);
  const form = { client_id: options.clientId, client_secret: options.clientSecret };
  return makeFlow("client_credentials", (_, login) => login(form));
}

/** Options of {@link refreshToken}. */
export interface RefreshTokenOptions {
  /** The consumer key of the app. */
  clientId: string;
  /** The consumer secret, unless the app does without. */
  clientSecret?: string | undefined;
  refreshToken: string;
  /**
   * Is given the new refresh token where the app rotates them, for you to keep: the old one is worth nothing any more.
   * The client waits for it, and logs in again if it fails. Default: the new one is only kept in memory.
   */
  onRefreshToken?: ((refreshToken: string) => void | Promise<void>) | undefined;
}

/**
 * Logs in by a refresh token that an interactive login gave.
 *
 * The token ends by the app's refresh token policy, or when a user or administrator revokes it; then the client ends
 * with `"login-refused"`. Such tokens are also revoked where the app was blocked or uninstalled in the org.
 */
export function refreshToken(options: RefreshTokenOptions): Authenticator {
  checkStrings("refreshToken", options, ["clientId", "refreshToken"]);
  const { clientId, clientSecret, onRefreshToken } = options;
  if (clientSecret !== undefined) checkStrings("refreshToken", options, ["clientSecret"]);
  if (onRefreshToken !== undefined && typeof onRefreshToken !== "function") {
    throw invalid("refreshToken: onRefreshToken must be a function");
  }
  let current = options.refreshToken;
  let told = current;
  return makeFlow("refresh_token", async (_, login) => {
    const form = { client_id: clientId, client_secret: clientSecret, refresh_token: current };
    const { refreshToken: rotated, ...token } = await login(form);
    if (rotated) current = rotated;
    if (current !== told) {
      const telling = current;
      try {
        await onRefreshToken?.(telling);
      } catch (cause) {
        throw new CometdError("login-failed", `onRefreshToken failed: ${describe(cause)}`, { retryable: true, cause });
      }
      told = telling;
    }
    return token;
  });
}

/** A token, or what gets one each time that one is needed. */
export type TokenGiver = Required<Token> | ((context: TokenContext) => Token | Promise<Token>);

/**
 * Uses an access token that you have, such as the session id of a page or what another service hands out.
 *
 * A fixed token ends by the org's session settings, after some hours, and the client ends with it; give a function to
 * go on. Where the org locks sessions to the address that they came from, get the token on the machine that uses it.
 */
export function accessToken(given: TokenGiver): Authenticator {
  if (typeof given === "function") return { token: async (context) => given(context) };
  checkStrings("accessToken", given, ["accessToken", "instanceUrl"]);
  const token = { accessToken: given.accessToken, instanceUrl: given.instanceUrl };
  return {
    async token({ refused }) {
      if (!refused) return token;
      const message =
        "the server refused the access token, and there is no other: connect again with a new one, or give " +
        "accessToken() a function that gets one";
      throw new CometdError("login-refused", message);
    },
  };
}
