//! Logins: what is posted to the token endpoint, and what comes back.

use std::fmt;

use crate::bayeux::json::{decode_string, is_object, member, push_string, validate};
use crate::text::{decimal, find, joined};

/// Where the form is posted, below the login URL.
pub const TOKEN_PATH: &str = "/services/oauth2/token";

/// How deep an answer may be nested; it is a flat object.
const DEPTH: u32 = 8;

/// No word of a login server is longer; what it says beyond that is cut.
const LONGEST: usize = 200;

/// A way to log in. `Debug` shows which one, and nothing of what is in it.
#[derive(Clone, PartialEq, Eq)]
pub enum Grant {
    /// User name and password. Orgs may block it: Setup, "Allow OAuth Username-Password Flows".
    Password {
        /// The consumer key of the app.
        client_id: String,
        /// The consumer secret of the app.
        client_secret: String,
        /// The user.
        username: String,
        /// The password, and behind it the security token where the org wants one.
        password: String,
    },
    /// A refresh token that an interactive login gave.
    RefreshToken {
        /// The consumer key of the app.
        client_id: String,
        /// The consumer secret, unless the app does without.
        client_secret: Option<String>,
        /// The token.
        refresh_token: String,
    },
    /// The app itself; it runs as the user that its settings name. At the org's own My Domain only.
    ClientCredentials {
        /// The consumer key of the app.
        client_id: String,
        /// The consumer secret of the app.
        client_secret: String,
    },
    /// A JSON web token, signed with the key whose certificate the app holds.
    JwtBearer {
        /// The token: `header.claims.signature`.
        assertion: String,
    },
}

impl Grant {
    /// The body of the request, as `application/x-www-form-urlencoded`. It is secret.
    pub fn form(&self) -> String {
        let mut form = String::from("grant_type=");
        let mut field = |name: &str, value: &str| {
            if !name.is_empty() {
                form.push('&');
                form.push_str(name);
                form.push('=');
            }
            push_encoded(&mut form, value);
        };
        match self {
            Self::Password { client_id, client_secret, username, password } => {
                field("", "password");
                field("client_id", client_id);
                field("client_secret", client_secret);
                field("username", username);
                field("password", password);
            }
            Self::RefreshToken { client_id, client_secret, refresh_token } => {
                field("", "refresh_token");
                field("client_id", client_id);
                if let Some(secret) = client_secret {
                    field("client_secret", secret);
                }
                field("refresh_token", refresh_token);
            }
            Self::ClientCredentials { client_id, client_secret } => {
                field("", "client_credentials");
                field("client_id", client_id);
                field("client_secret", client_secret);
            }
            Self::JwtBearer { assertion } => {
                field("", "urn:ietf:params:oauth:grant-type:jwt-bearer");
                field("assertion", assertion);
            }
        }
        form
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Password { .. } => "Password(..)",
            Self::RefreshToken { .. } => "RefreshToken(..)",
            Self::ClientCredentials { .. } => "ClientCredentials(..)",
            Self::JwtBearer { .. } => "JwtBearer(..)",
        })
    }
}

/// What a login gives. `Debug` shows the instance only.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Goes into the header `Authorization: Bearer …`.
    pub access_token: String,
    /// Where it is good.
    pub instance_url: String,
    /// Takes the place of the one that was sent, where the app rotates them.
    pub refresh_token: Option<String>,
}

impl Token {
    /// As a JSON object with `accessToken`, `instanceUrl` and perhaps `refreshToken`. It is secret.
    pub fn to_json(&self) -> String {
        let mut json = String::from("{\"accessToken\":");
        push_string(&mut json, &self.access_token);
        json.push_str(",\"instanceUrl\":");
        push_string(&mut json, &self.instance_url);
        if let Some(token) = &self.refresh_token {
            json.push_str(",\"refreshToken\":");
            push_string(&mut json, token);
        }
        json.push('}');
        json
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Token").field("instance_url", &self.instance_url).finish_non_exhaustive()
    }
}

/// Why a login gave no token. Holds nothing of what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoginError {
    /// The server said no, and would say it again; else it failed on the way, and may be tried again.
    pub refused: bool,
    /// The server's word, such as `invalid_grant`; may be empty.
    pub error: String,
    /// The server's words for people; may be empty.
    pub description: String,
    /// The HTTP status; 0 for a redirect that a browser hides.
    pub status: u16,
}

impl LoginError {
    /// The stable word that programs compare.
    pub fn code(&self) -> &'static str {
        if self.refused { "login-refused" } else { "login-failed" }
    }

    /// What to do about it; empty where nobody knows.
    pub fn hint(&self) -> &'static str {
        if is_redirect(self.status) {
            return "it redirects; use the final login URL, which is the org's My Domain";
        }
        if (200..300).contains(&self.status) && self.error.is_empty() {
            return "the answer holds no token; check the login URL";
        }
        let known = HINTS.iter().find(|(error, words, _)| {
            (error.is_empty() || *error == self.error) && holds(&self.description, words)
        });
        known.map_or("", |(.., hint)| hint)
    }

    /// What `Display` shows.
    pub(crate) fn text(&self) -> String {
        let mut text = String::from(if self.refused { "the login was refused" } else { "the login failed" });
        let http = joined(&["HTTP ", &decimal(u64::from(self.status))], "");
        let said = if self.error.is_empty() && !is_redirect(self.status) { &http } else { &self.error };
        for (before, part) in [(": ", said.as_str()), (": ", &self.description), ("; ", self.hint())] {
            if !part.is_empty() {
                text.push_str(before);
                text.push_str(part);
            }
        }
        text
    }
}

impl std::error::Error for LoginError {}

impl fmt::Display for LoginError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text())
    }
}

/// By error and a part of the description in lower case; the first that fits.
const HINTS: [(&str, &str, &str); 15] = [
    ("", "approved this consumer", APPROVE),
    ("", "not admin approved", APPROVE),
    (
        "",
        "expired access/refresh token",
        "the refresh token expired or was revoked; log in anew to get another one",
    ),
    ("", "no client credentials user", "set a run-as user in the app's client credentials settings"),
    (
        "",
        "audience",
        "set `audience` to the login host: https://login.salesforce.com, https://test.salesforce.com or the site's URL",
    ),
    (
        "",
        "assertion",
        "check the user name, the app's certificate and the clock: the token is good for three minutes",
    ),
    ("", "ip restricted", "relax the app's IP restrictions, or log in from an allowed address"),
    (
        "invalid_grant",
        "",
        "check user name, password, security token and login host (a sandbox has its own), and the user's IP ranges; orgs may block the username-password flow",
    ),
    ("invalid_client_id", "", "check the app's consumer key; a new app takes some minutes to be known"),
    ("invalid_client", "", "check the app's consumer key and secret"),
    (
        "unsupported_grant_type",
        "",
        "the org or the app does not allow this flow; use jwtBearer or clientCredentials",
    ),
    ("invalid_request", "", "the org or the app does not allow this flow, or something is missing in it"),
    ("inactive_user", "", "activate the user"),
    ("inactive_org", "", "the org is locked, closed or suspended"),
    ("invalid_app_access", "", APPROVE),
];

const APPROVE: &str =
    "pre-authorize the user's profile or permission set in the app, or approve the app once";

/// Errors that pass.
const PASSING: [&str; 5] = [
    "rate_limit_exceeded",
    "login_rate_exceeded",
    "server_error",
    "temporarily_unavailable",
    "unknown_error",
];

/// Reads the answer of a token endpoint.
///
/// # Errors
/// [`LoginError`], refused or failed on the way. A status that tells of trouble, and a page instead of an answer, have
/// failed on the way whatever they say; a redirect is refused, since it would carry the secrets elsewhere (X1).
pub fn answer(status: u16, body: &str) -> Result<Token, LoginError> {
    let body = body.trim_ascii();
    let body = if is_object(body) && validate(body, DEPTH) { body } else { "" };
    let text = |name: &str| member(body, name).and_then(decode_string).unwrap_or_default();
    let good = (200..300).contains(&status);
    if good {
        let (access_token, instance_url) = (text("access_token"), text("instance_url"));
        if !access_token.is_empty() && !instance_url.is_empty() {
            let refresh_token = Some(text("refresh_token").into_owned()).filter(|token| !token.is_empty());
            let (access_token, instance_url) = (access_token.into_owned(), instance_url.into_owned());
            return Ok(Token { access_token, instance_url, refresh_token });
        }
    }
    let error = printable(&text("error"));
    let description = printable(&text("error_description"));
    let trouble = matches!(status, 408 | 429 | 500..)
        || PASSING.contains(&error.as_str())
        || holds(&description, "rate exceeded");
    let said = !error.is_empty() || (good && !body.is_empty());
    let refused = is_redirect(status) || (said && !trouble);
    Err(LoginError { refused, error, description, status })
}

fn is_redirect(status: u16) -> bool {
    matches!(status, 0 | 300..400)
}

/// A text of the server's that can stand in a line.
fn printable(text: &str) -> String {
    let mut printable = String::new();
    for char in text.chars().take(LONGEST) {
        printable.push(if char.is_control() { ' ' } else { char });
    }
    printable
}

/// Whether `text` holds `wanted`, which is in lower case, in whatever case.
fn holds(text: &str, wanted: &str) -> bool {
    find(text.as_bytes(), wanted.as_bytes()).is_some()
}

#[inline(never)]
fn push_encoded(out: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'*' | b'-' | b'.' | b'_' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            _ => {
                out.push('%');
                out.push(char::from(HEX[usize::from(byte >> 4)]));
                out.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
}
