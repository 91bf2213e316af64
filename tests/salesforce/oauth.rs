//! Logins: what is sent, what comes back, and that nothing secret shows.

use cometd_edge::salesforce::oauth::{Grant, LoginError, answer};

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

#[test]
fn a_good_answer_gives_a_token() {
    let token = answer(200, GOOD).expect("a token");
    assert_eq!(token.access_token, "00D!AQ.x/y");
    assert_eq!(token.instance_url, "https://acme.my.salesforce.com");
    assert_eq!(token.refresh_token.as_deref(), Some("5Aep"));
    let json = r#"{"accessToken":"00D!AQ.x/y","instanceUrl":"https://acme.my.salesforce.com","refreshToken":"5Aep"}"#;
    assert_eq!(token.to_json(), json);
    let token = answer(200, r#"{"access_token":"a","instance_url":"b"}"#).expect("a token");
    assert_eq!(token.to_json(), r#"{"accessToken":"a","instanceUrl":"b"}"#);
}

fn refusal(status: u16, body: &str) -> LoginError {
    answer(status, body).expect_err("no token")
}

fn body(error: &str, description: &str) -> String {
    format!(r#"{{"error":"{error}","error_description":"{description}"}}"#)
}

#[test]
fn s10_a_login_that_is_refused_says_what_to_do() {
    for (error, description, hint) in [
        ("invalid_grant", "authentication failure", "security token"),
        ("invalid_grant", "authentication failure", "sandbox"),
        ("invalid_grant", "user hasn't approved this consumer", "pre-authorize"),
        ("invalid_grant", "expired access/refresh token", "log in anew"),
        ("invalid_grant", "audience is invalid", "audience"),
        ("invalid_grant", "Audience validation failed", "audience"),
        ("invalid_grant", "invalid assertion", "certificate"),
        ("invalid_grant", "ip restricted", "IP restrictions"),
        ("invalid_grant", "no client credentials user enabled", "run-as user"),
        ("invalid_request", "no client credentials user enabled", "run-as user"),
        ("invalid_client_id", "client identifier invalid", "consumer key"),
        ("invalid_client", "invalid client credentials", "secret"),
        ("unsupported_grant_type", "grant type not supported", "flow"),
        ("invalid_request", "unsupported", "flow"),
        ("inactive_user", "user is inactive", "activate"),
        ("inactive_org", "organization is inactive", "org"),
        ("invalid_app_access", "user is not admin approved to access this app", "pre-authorize"),
    ] {
        for status in [400, 401, 403] {
            let failure = refusal(status, &body(error, description));
            assert!(failure.refused, "{error}");
            assert_eq!(failure.code(), "login-refused");
            assert_eq!((failure.error.as_str(), failure.description.as_str()), (error, description));
            assert_eq!(failure.status, status);
            assert!(failure.hint().contains(hint), "{description}: {}", failure.hint());
            let text = failure.to_string();
            assert!(text.contains(error) && text.contains(description) && text.contains(hint), "{text}");
        }
    }
    let unknown = refusal(400, &body("brand_new", ""));
    assert!(unknown.refused);
    assert_eq!(unknown.to_string(), "the login was refused: brand_new");
}

#[test]
fn s10_a_login_that_failed_on_the_way_may_be_tried_again() {
    for (status, body) in [
        (400, body("rate_limit_exceeded", "too many")),
        (400, body("invalid_grant", "login rate exceeded")),
        (400, body("unknown_error", "retry your request")),
        (400, body("server_error", "")),
        (503, body("temporarily_unavailable", "")),
        (500, body("invalid_grant", "authentication failure")),
        (408, String::new()),
        (429, "{}".to_owned()),
        (502, "<html>Bad Gateway</html>".to_owned()),
        (200, "<html>down for maintenance</html>".to_owned()),
        (403, "<html>blocked</html>".to_owned()),
        (404, r#"[{"errorCode":"NOT_FOUND"}]"#.to_owned()),
        (400, r#"{"error":"invalid_grant""#.to_owned()),
    ] {
        let failure = refusal(status, &body);
        assert!(!failure.refused, "{status} {body}");
        assert_eq!(failure.code(), "login-failed");
        assert!(failure.to_string().starts_with("the login failed: "), "{failure}");
    }
    assert_eq!(refusal(502, "<html>").to_string(), "the login failed: HTTP 502");
}

#[test]
fn x1_a_redirect_is_refused() {
    for status in [0, 301, 302, 307, 308] {
        let failure = refusal(status, "");
        assert!(failure.refused && failure.to_string().contains("My Domain"), "{failure}");
    }
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
