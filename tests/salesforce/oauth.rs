//! Logins: what is sent, what comes back, and that nothing secret shows.

use cometd_edge::salesforce::oauth::{Grant, LoginError, answer};
use serde_json::Value;

use crate::{answers, body_of};

const SECRETS: [&str; 6] = ["KEY", "SECRET", "USER", "PASS", "REFRESH", "ASSERTION"];

fn grants() -> [(Grant, &'static str); 5] {
    let [client_id, client_secret, username, password, refresh_token, assertion] =
        SECRETS.map(|secret| format!("{secret} +&=%\u{e9}*-._~"));
    let secret = Some(client_secret.clone());
    [
        (
            Grant::Password {
                client_id: client_id.clone(),
                client_secret: client_secret.clone(),
                username,
                password,
            },
            "grant_type=password&client_id=KEY@&client_secret=SECRET@&username=USER@&password=PASS@",
        ),
        (
            Grant::RefreshToken {
                client_id: client_id.clone(),
                client_secret: secret,
                refresh_token: refresh_token.clone(),
            },
            "grant_type=refresh_token&client_id=KEY@&client_secret=SECRET@&refresh_token=REFRESH@",
        ),
        (
            Grant::RefreshToken { client_id: client_id.clone(), client_secret: None, refresh_token },
            "grant_type=refresh_token&client_id=KEY@&refresh_token=REFRESH@",
        ),
        (
            Grant::ClientCredentials { client_id, client_secret },
            "grant_type=client_credentials&client_id=KEY@&client_secret=SECRET@",
        ),
        (
            Grant::JwtBearer { assertion },
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=ASSERTION@",
        ),
    ]
}

#[test]
fn each_grant_has_its_form() {
    for (grant, form) in grants() {
        let form = form.replace('@', "+%2B%26%3D%25%C3%A9*-._%7E");
        assert_eq!(grant.form(), form, "as `URLSearchParams` writes it");
    }
}

#[test]
fn x2_debug_shows_no_secret() {
    for (grant, _) in grants() {
        let debug = format!("{grant:?}");
        assert!(!debug.is_empty() && SECRETS.iter().all(|secret| !debug.contains(secret)), "{debug}");
    }
    let token = answer(200, GOOD).expect("a token");
    let debug = format!("{token:?}");
    assert!(debug.contains("acme.my") && !debug.contains("00D!AQ") && !debug.contains("5Aep"), "{debug}");
}

const GOOD: &str = r#"{"access_token":"00D!AQ.x\/y","instance_url":"https:\/\/acme.my.salesforce.com","id":"x",
    "token_type":"Bearer","issued_at":"1","signature":"s","refresh_token":"5Aep"}"#;

/// The npm package reads the answers by itself: `tests/js/unit/salesforce-answers.test.mjs` goes through the same cases.
#[test]
fn s10_answers_are_read_as_the_npm_package_reads_them() {
    for case in answers()["logins"].as_array().expect("an array") {
        let body = body_of(case);
        for status in case["statuses"].as_array().expect("an array") {
            let status = status.as_u64().and_then(|status| u16::try_from(status).ok()).expect("a status");
            match answer(status, &body) {
                Ok(token) => {
                    let read: Value = serde_json::from_str(&token.to_json()).expect("JSON");
                    assert_eq!(read, case["token"], "{status} {body}");
                }
                Err(failure) => assert_fails_as(&failure, status, case),
            }
        }
    }
}

fn assert_fails_as(failure: &LoginError, status: u16, case: &Value) {
    assert_eq!(failure.to_string(), case["message"], "{status} {case}");
    assert_eq!((&failure.error, &failure.description), (&text(&case["error"]), &text(&case["description"])));
    assert_eq!(failure.refused, case["refused"], "{status} {case}");
    assert_eq!(failure.status, status);
    let code = if failure.refused { "login-refused" } else { "login-failed" };
    assert_eq!(failure.code(), code);
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn refusal(status: u16, body: &str) -> LoginError {
    answer(status, body).expect_err("no token")
}

fn body(error: &str, description: &str) -> String {
    format!(r#"{{"error":"{error}","error_description":"{description}"}}"#)
}

#[test]
fn x2_half_an_answer_is_not_shown() {
    for body in [r#"{"access_token":"00D!AQ"}"#, r#"{"access_token":"00D!AQ","instance_url":7}"#] {
        let failure = refusal(200, body);
        assert!(failure.refused && failure.to_string().contains("no token"), "{failure}");
        assert!(!format!("{failure} {failure:?}").contains("00D"));
    }
}

#[test]
fn x3_words_are_cut_and_stay_in_their_line() {
    let failure = refusal(400, &body(&"e".repeat(10_000), &"\\n\\u0000d".repeat(10_000)));
    let text = failure.to_string();
    assert!(text.len() < 1_000 && !text.contains(char::is_control), "{text}");
}
