/// Joins texts. The library's `join` and `concat` are instantiated per type, at a kilobyte of wasm each.
#[inline(never)]
pub(crate) fn joined(parts: &[&str], between: &str) -> String {
    let mut text = String::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            text.push_str(between);
        }
        text.push_str(part);
    }
    text
}
