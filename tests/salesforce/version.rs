//! Versions of the API.

use cometd_edge::salesforce::version::{check, endpoint_path, newest};

#[test]
fn the_newest_is_found_by_number() {
    let list = r#" [{"label":"Winter '11","url":"/services/data/v20.0","version":"20.0"},
        {"label":"x","url":"/services/data/v100.0","version":"100.0"},
        {"label":"Summer '26","url":"/services/data/v67.0","version":"67.0"}, {"version":"9.0"}]"#;
    assert_eq!(newest(list).as_deref(), Some("100.0"));
    assert_eq!(newest(r#"[{"version":"67.0"},{"version":"67.1"}]"#).as_deref(), Some("67.1"));
}

#[test]
fn what_is_no_list_has_no_newest() {
    for body in [
        "",
        "[]",
        "{}",
        "<html>",
        r#"{"version":"67.0"}"#,
        r#"[{"version":"67.0"}"#,
        r#"[{"version":67.0}]"#,
        r#"["67.0"]"#,
        r#"[{"version":"67"},{"version":"a.0"},{"version":"-1.0"},{"version":"6 7.0"},{"version":"67.0/../evil"}]"#,
        r#"[{"version":"99999999999999999999.0"}]"#,
        r#"[{"version":"67.0","deep":[[[[[[[[[[]]]]]]]]]]}]"#,
    ] {
        assert_eq!(newest(body), None, "{body}");
    }
    assert_eq!(newest(r#"[null,7,{"version":"66.0"},{"version":"x"}]"#).as_deref(), Some("66.0"));
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
