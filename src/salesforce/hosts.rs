//! Whose hosts may be given a token (X1).

/// Domains under which Salesforce runs orgs: commercial, government, legacy names of My Domain, China.
const DOMAINS: [&str; 6] =
    ["salesforce.com", "force.com", "salesforce.mil", "cloudforce.com", "database.com", "sfcrmproducts.cn"];

/// Whether the host is Salesforce's own.
pub fn is_salesforce(host: &str) -> bool {
    DOMAINS.iter().any(|domain| is(host, domain) || is_below(host, domain))
}

/// Whether one of the patterns allows the host: `*.example.com` stands for all below `example.com`, any other for the
/// host of that name.
pub fn allowed(host: &str, patterns: &[String]) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_prefix("*.") {
        Some(domain) => is_below(host, domain),
        None => is(host, pattern),
    })
}

fn is(host: &str, name: &str) -> bool {
    !name.is_empty() && rooted(host).eq_ignore_ascii_case(rooted(name))
}

#[inline(never)]
fn is_below(host: &str, domain: &str) -> bool {
    let (host, domain) = (rooted(host), rooted(domain));
    let Some((above, below)) =
        host.len().checked_sub(domain.len()).and_then(|length| host.split_at_checked(length))
    else {
        return false;
    };
    !domain.is_empty() && below.eq_ignore_ascii_case(domain) && above.len() > 1 && above.ends_with('.')
}

/// A name without the dot that may stand for the root.
fn rooted(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}
