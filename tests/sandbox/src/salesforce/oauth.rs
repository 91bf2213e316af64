//! `POST /services/oauth2/token`: four grants, and their refusals in Salesforce's words.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::state::{State, random};
use crate::world::World;

use super::settings::Salesforce;
use super::stream::USER_ID;
use super::{Answer, Call, jwt};

/// The `grant_type` of a JWT bearer login.
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Serves one login.
pub(super) fn login(world: &Arc<World>, call: &Call) -> Answer {
    if call.method != "POST" {
        return refusal(StatusCode::METHOD_NOT_ALLOWED, "invalid_request", "must use HTTP POST");
    }
    let mut form = form(&call.body);
    credentials_of_header(&call.headers, &mut form);
    let mut state = world.state();
    let settings = state.config.salesforce.clone();
    let grant = form.get("grant_type").map_or("", String::as_str);
    match check(grant, &form, &settings, &call.base) {
        Ok(granted) => grant_token(&mut state, &settings, grant, granted, &call.base),
        Err((error, description)) => {
            state.stats.logins_refused += 1;
            refusal(StatusCode::BAD_REQUEST, error, description)
        }
    }
}

/// The fields of a form; of a repeated one the last.
pub(super) fn form(body: &[u8]) -> BTreeMap<String, String> {
    form_urlencoded::parse(body).into_owned().collect()
}

type Form = BTreeMap<String, String>;

/// An OAuth error and its description.
type Refusal = (&'static str, &'static str);

/// What a login was found good for.
struct Granted {
    scope: Option<&'static str>,
    refreshes: bool,
}

fn check(grant: &str, form: &Form, settings: &Salesforce, base: &str) -> Result<Granted, Refusal> {
    let given = |name: &str| form.get(name).map(String::as_str);
    let granted = |scope| Granted { scope, refreshes: false };
    match grant {
        "password" => {
            check_client(form, settings, Secret::Required)?;
            let with_token = format!("{}{}", settings.password, settings.security_token);
            let password = given("password").unwrap_or_default();
            let known = given("username") == Some(&settings.username)
                && (password == settings.password || password == with_token);
            if known { Ok(granted(None)) } else { Err(("invalid_grant", "authentication failure")) }
        }
        "refresh_token" => {
            check_client(form, settings, Secret::Optional)?;
            match given("refresh_token") {
                _ if !settings.approved => Err(NOT_APPROVED),
                Some(token) if token == settings.refresh_token => {
                    Ok(Granted { scope: Some("refresh_token api"), refreshes: true })
                }
                _ => Err(("invalid_grant", "expired access/refresh token")),
            }
        }
        "client_credentials" => {
            check_client(form, settings, Secret::Required)?;
            match settings.client_credentials_user {
                true => Ok(granted(Some("api"))),
                false => Err(("invalid_grant", "no client credentials user enabled")),
            }
        }
        JWT_BEARER => check_assertion(given("assertion"), settings, base).map(|()| granted(Some("api"))),
        _ => Err(("unsupported_grant_type", "grant type not supported")),
    }
}

const NOT_APPROVED: Refusal = ("invalid_grant", "user hasn't approved this consumer");

enum Secret {
    Required,
    Optional,
}

fn check_client(form: &Form, settings: &Salesforce, secret: Secret) -> Result<(), Refusal> {
    if form.get("client_id") != Some(&settings.client_id) {
        return Err(("invalid_client_id", "client identifier invalid"));
    }
    match (form.get("client_secret"), secret) {
        (Some(given), _) if *given == settings.client_secret => Ok(()),
        (None, Secret::Optional) => Ok(()),
        _ => Err(("invalid_client", "invalid client credentials")),
    }
}

fn check_assertion(assertion: Option<&str>, settings: &Salesforce, base: &str) -> Result<(), Refusal> {
    const INVALID: Refusal = ("invalid_grant", "invalid assertion");
    let (Some(assertion), Some(key)) = (assertion, &settings.jwt_public_key) else { return Err(INVALID) };
    let Some(claims) = jwt::verify(assertion, key) else { return Err(INVALID) };
    if claims.iss != settings.client_id {
        return Err(("invalid_client_id", "client identifier invalid"));
    }
    let origin = base.split("/w/").next().unwrap_or(base);
    let audience = claims.aud.trim_end_matches('/');
    let known = match &settings.jwt_audience {
        Some(only) => audience == only.trim_end_matches('/'),
        None => {
            ["https://login.salesforce.com", "https://test.salesforce.com", origin, base].contains(&audience)
        }
    };
    if !known {
        return Err(("invalid_grant", "audience is invalid"));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    if !(now < claims.exp && claims.exp <= now + FIVE_MINUTES) {
        return Err(INVALID);
    }
    if claims.sub != settings.username || !settings.approved {
        return Err(NOT_APPROVED);
    }
    Ok(())
}

/// How far ahead an assertion may expire, in seconds.
const FIVE_MINUTES: f64 = 300.0;

fn grant_token(
    state: &mut State,
    settings: &Salesforce,
    grant: &str,
    granted: Granted,
    base: &str,
) -> Answer {
    let lives = (settings.token_lifetime_ms > 0).then(|| state.scaled(settings.token_lifetime_ms));
    let token = state.org.issue(&settings.username, lives, Instant::now());
    // The long name of its grant is no name for a counter.
    let grant = if grant == JWT_BEARER { "jwt" } else { grant };
    *state.stats.logins.entry(grant.to_owned()).or_default() += 1;
    let moved_to = settings.moved.as_ref().map(|moved| moved.to.as_str());
    let issued_at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let mut body = json!({
        "access_token": token,
        "instance_url": moved_to.or(settings.instance_url.as_deref()).unwrap_or(base),
        "id": format!("{base}/id/{}/{USER_ID}", state.org.long_id()),
        "token_type": "Bearer",
        "issued_at": issued_at.to_string(),
        "signature": STANDARD.encode([random(), random(), random(), random()].map(u64::to_be_bytes).concat()),
    });
    if let Some(scope) = granted.scope {
        body["scope"] = scope.into();
    }
    if granted.refreshes && settings.rotate_refresh_token {
        let next = format!("5Aep861.{:016x}{:016x}", random(), random());
        body["refresh_token"] = next.clone().into();
        state.config.salesforce.refresh_token = next;
    }
    Answer::ok(body)
}

/// A client may name itself in the header in place of the form.
fn credentials_of_header(headers: &HeaderMap, form: &mut Form) {
    let pair = || {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
        let pair = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
        pair.split_once(':').map(|(id, secret)| (id.to_owned(), secret.to_owned()))
    };
    if let Some((id, secret)) = pair() {
        form.entry("client_id".to_owned()).or_insert(id);
        form.entry("client_secret".to_owned()).or_insert(secret);
    }
}

fn refusal(status: StatusCode, error: &str, description: &str) -> Answer {
    Answer { status, body: json!({ "error": error, "error_description": description }) }
}
