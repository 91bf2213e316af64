/** What every entry that knows Salesforce exports, beside its `connectSalesforce`. */
export { accessToken, clientCredentials, password, refreshToken } from "./flows.js";
export type { ClientCredentialsOptions, PasswordOptions, RefreshTokenOptions, TokenGiver } from "./flows.js";
export { jwtBearer } from "./jwt.js";
export type { JwtBearerOptions, SigningKey } from "./jwt.js";
export type { SalesforceOptions } from "./options.js";
