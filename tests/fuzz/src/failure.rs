//! The error grammar, what the catalogue makes of it, and answers to logins.

use cometd_edge::bayeux::Failure;
use cometd_edge::salesforce::{Refusal, classify, hosts, oauth, version};
use cometd_edge::session::Error;

const SECRET: &str = "S3CRET-ARGUMENT";

/// An error text; also read as a login's answer, a list of versions and a host.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let failure = Failure::parse(&text);
    assert_eq!(failure, model(&text), "{text:?}");
    round_trip(&failure);
    arguments_stay_inside(&failure);
    judged(&failure, &text);
    others(&text);
}

fn model(text: &str) -> Failure {
    let parts: Vec<&str> = text.splitn(3, ':').collect();
    let code = parts[0].parse().ok().filter(|_| {
        parts.len() > 1 && parts[0].len() == 3 && parts[0].chars().all(|digit| digit.is_ascii_digit())
    });
    let Some(code) = code else { return Failure::new(0, Vec::new(), text.to_owned()) };
    let args = if parts.len() == 3 { parts[1] } else { "" };
    let args = args.split(',').filter(|arg| !arg.is_empty()).map(str::to_owned).collect();
    Failure::new(code, args, parts[parts.len() - 1].to_owned())
}

fn round_trip(failure: &Failure) {
    if failure.code != 0 {
        let written = format!("{:03}:{}:{}", failure.code, failure.args.join(","), failure.text);
        assert_eq!(&Failure::parse(&written), failure);
    }
}

/// They often name the client id (X2).
fn arguments_stay_inside(failure: &Failure) {
    if failure.text.contains(SECRET) {
        return;
    }
    let marked = Failure::new(failure.code, vec![SECRET.to_owned()], failure.text.clone());
    let mut shown = format!("{marked} {marked:?}");
    let error = error(&marked);
    shown.push_str(&format!("{error} {error:?}"));
    assert!(!shown.contains(SECRET), "{shown}");
}

/// One of those that quote the server, drawn by the text.
fn error(failure: &Failure) -> Error {
    let (channel, failure) = ("/a".to_owned(), failure.clone());
    match failure.text.len() % 6 {
        0 => Error::HandshakeRefused(failure),
        1 => Error::UnknownClient(failure),
        2 => Error::ServerEnded(Some(failure)),
        3 => Error::SubscribeRefused { channel, failure },
        4 => Error::PublishRefused { channel, failure },
        _ => Error::MaxRetries { attempts: 1, last: Box::new(Error::Unauthorized(failure)) },
    }
}

fn judged(failure: &Failure, text: &str) {
    let refusal = classify(failure);
    assert_eq!(refusal, classify(&Failure::parse(&text.to_ascii_uppercase())), "{text:?}");
    assert_eq!(refusal, classify(&Failure::parse(&text.to_ascii_lowercase())), "{text:?}");
    if failure.is_unknown_client() {
        assert_eq!(refusal, Some(Refusal::UnknownClient));
    }
    let certain = match failure.code {
        402 => Some(Refusal::UnknownClient),
        503 => Some(Refusal::ServerBusy),
        413 => Some(Refusal::RequestTooLarge),
        _ => None,
    };
    assert!(certain.is_none() || certain == refusal, "{text:?}: {refusal:?}");
    let error = error(failure);
    assert!(!error.code().is_empty());
    assert_eq!(error.failure(), Some(failure));
    assert!(error.to_string().contains(&failure.text), "{error}");
    if let Some(known) = error.refusal() {
        assert_eq!(Some(known), refusal);
        assert_eq!((error.code(), error.retryable()), (known.code(), known.retryable()));
        assert!(error.to_string().contains(known.hint()));
    }
}

fn others(text: &str) {
    for status in [200, [0, 302, 400, 401, 503][text.len() % 5]] {
        match oauth::answer(status, text) {
            Ok(token) => {
                assert!(status == 200 && !token.access_token.is_empty() && !token.instance_url.is_empty());
                let json = token.to_json();
                let read: serde_json::Value = serde_json::from_str(&json).expect("JSON");
                assert_eq!(read["accessToken"], token.access_token.as_str());
                assert_eq!(read["instanceUrl"], token.instance_url.as_str());
            }
            Err(error) => {
                assert!(!error.to_string().chars().any(char::is_control), "{error}");
                assert!(!error.code().is_empty());
            }
        }
    }
    let list = format!("[{{\"version\":{}}}]", serde_json::Value::from(text));
    let newest = version::newest(text).or_else(|| version::newest(&list));
    assert!(
        newest
            .is_none_or(|newest| version::newest(&format!("[{{\"version\":\"{newest}\"}}]")) == Some(newest))
    );
    assert!(!version::check(text) || version::endpoint_path(text) == format!("/cometd/{text}"));
    let own = |host: &str| hosts::is_salesforce(host);
    assert_eq!(own(text), own(&text.to_ascii_uppercase()));
    if own(text) {
        let domains = [
            "salesforce.com",
            "force.com",
            "salesforce.mil",
            "cloudforce.com",
            "database.com",
            "sfcrmproducts.cn",
        ];
        let lower = text.to_ascii_lowercase();
        let host = lower.strip_suffix('.').unwrap_or(&lower);
        assert!(
            domains.iter().any(|domain| host == *domain || host.ends_with(&format!(".{domain}"))),
            "{text:?}"
        );
    }
    let patterns = ["*.example.com".to_owned(), text.to_owned()];
    assert!(
        text.is_empty() || text == "." || text.starts_with("*.") || hosts::allowed(text, &patterns),
        "{text:?}"
    );
}
