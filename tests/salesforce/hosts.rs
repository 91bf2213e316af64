//! X1: whose hosts may be given a token.

use cometd_edge::salesforce::hosts::{allowed, is_salesforce};

#[test]
fn x1_salesforces_own_domains_and_what_is_below_them() {
    for host in [
        "login.salesforce.com",
        "test.salesforce.com",
        "acme.my.salesforce.com",
        "acme--uat.sandbox.my.salesforce.com",
        "ACME.MY.SALESFORCE.COM",
        "acme.my.salesforce.com.",
        "salesforce.com",
        "acme.my.salesforce.mil",
        "acme.lightning.force.com",
        "acme.cloudforce.com",
        "acme.database.com",
        "acme.my.sfcrmproducts.cn",
    ] {
        assert!(is_salesforce(host), "{host}");
    }
}

#[test]
fn x1_no_other_passes_for_salesforces() {
    for host in [
        "",
        ".",
        "com",
        "salesforce",
        "evilsalesforce.com",
        "salesforce.com.evil.example",
        "salesforce.com-evil.example",
        "salesforce.co",
        "my.salesforce.com..",
        ".salesforce.com",
        "salesforce.com@evil.example",
        "evil.example/.salesforce.com/",
        "workforce.com",
        "salesforce.com\u{e9}",
        "\u{e9}salesforce.com",
        "127.0.0.1",
        "[::1]",
    ] {
        assert!(!is_salesforce(host), "{host}");
    }
}

#[test]
fn x1_patterns_allow_a_host_or_all_below_a_domain() {
    let patterns = ["api.example.com", "*.Example.org", "*.", "", "*", "10.0.0.1", "[::1]"].map(String::from);
    for host in
        ["api.example.com", "API.example.com.", "a.example.org", "a.b.EXAMPLE.org", "10.0.0.1", "[::1]"]
    {
        assert!(allowed(host, &patterns), "{host}");
    }
    for host in [
        "",
        ".",
        "example.com",
        "x.api.example.com",
        "example.org",
        ".example.org",
        "anexample.org",
        "10.0.0.11",
    ] {
        assert!(!allowed(host, &patterns), "{host}");
    }
    assert!(!allowed("login.salesforce.com", &[]));
}

#[test]
fn x1_the_wrapper_has_the_same_domains() {
    let wrapper = include_str!("../../pkg-template/src/salesforce/hosts.ts");
    let list =
        wrapper.split_once("const DOMAINS = [").and_then(|(_, rest)| rest.split_once(']')).expect("a list").0;
    let domains: Vec<&str> = list.split(',').map(|domain| domain.trim().trim_matches('"')).collect();
    assert_eq!(domains.len(), 6);
    for domain in domains {
        assert!(is_salesforce(domain) && is_salesforce(&format!("acme.my.{domain}")), "{domain}");
    }
}
