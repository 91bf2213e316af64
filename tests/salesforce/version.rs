//! Versions of the API.

use cometd_edge::salesforce::version::{check, endpoint_path, newest};

use crate::{answers, body_of};

/// The npm package reads the list by itself: `tests/js/unit/salesforce-answers.test.mjs` goes through the same cases.
#[test]
fn the_newest_is_found_by_number() {
    for case in answers()["versions"].as_array().expect("an array") {
        assert_eq!(newest(&body_of(case)).as_deref(), case["newest"].as_str(), "{case}");
    }
    assert_eq!(newest(r#"[{"version":"67.0","deep":[[[[[[[[[[]]]]]]]]]]}]"#), None);
}

#[test]
fn a_version_can_be_asked_for_from_37_on() {
    for version in ["37.0", "67.0", "100.0"] {
        assert!(check(version), "{version}");
    }
    for version in [
        "", "36.0", "9.0", "67", "67.1", "67.00", "067.0", "v67.0", "67.0 ", "67.0/..", "latest", ".0", "67.",
    ] {
        assert!(!check(version), "{version}");
    }
    assert_eq!(endpoint_path("67.0"), "/cometd/67.0");
}
