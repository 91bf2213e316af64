//! The page's files.

use std::path::{Path, PathBuf};

use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;

use crate::delivery::plain;

/// The folders that are served: one at `/` and, where there is one, the package below `/pkg/`.
pub(crate) struct Files {
    pub www: PathBuf,
    pub pkg: Option<PathBuf>,
}

impl Files {
    pub(crate) async fn serve(&self, method: &Method, path: &str) -> Response {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return plain(StatusCode::METHOD_NOT_ALLOWED, TEXT, "GET only");
        }
        let Some(mut file) = self.locate(path) else { return not_found() };
        if tokio::fs::metadata(&file).await.is_ok_and(|meta| meta.is_dir()) {
            file.push("index.html");
        }
        let Ok(content) = tokio::fs::read(&file).await else { return not_found() };
        let mut response = plain(StatusCode::OK, content_type(&file), content);
        // A page that is reloaded after a build must not run yesterday's wasm.
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    /// The file that a path means, if it names one below the folders.
    fn locate(&self, path: &str) -> Option<PathBuf> {
        let path = decode(path)?;
        let path = path.trim_start_matches('/');
        let (root, rest) = match (path.strip_prefix("pkg/"), &self.pkg) {
            (Some(rest), Some(pkg)) => (pkg, rest),
            _ => (&self.www, path),
        };
        let mut file = root.clone();
        for segment in rest.split('/').filter(|segment| !segment.is_empty() && *segment != ".") {
            if segment == ".." || segment.contains(['\\', ':', '\0']) {
                return None;
            }
            file.push(segment);
        }
        Some(file)
    }
}

const TEXT: &str = "text/plain; charset=utf-8";

fn not_found() -> Response {
    plain(StatusCode::NOT_FOUND, TEXT, "not found")
}

fn content_type(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "ts" | "mts" | "md" | "txt" => TEXT,
        _ => "application/octet-stream",
    }
}

/// Undoes percent-encoding. `None` if the result is not UTF-8 or the encoding is broken.
fn decode(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_below_its_folder() {
        let files = Files { www: "/srv/www".into(), pkg: Some("/srv/pkg".into()) };
        let found = |path| files.locate(path).map(|file| file.display().to_string());
        assert_eq!(found("/").as_deref(), Some("/srv/www"));
        assert_eq!(found("/a%20b/c.js").as_deref(), Some("/srv/www/a b/c.js"));
        assert_eq!(found("/pkg/dist/index.js").as_deref(), Some("/srv/pkg/dist/index.js"));
        for path in ["/../etc/passwd", "/%2e%2e/x", "/pkg/..%2f..%2fx", "/a/..\\x", "/%zz", "/pkg/../../x"] {
            assert_eq!(found(path), None, "{path}");
        }
    }

    #[test]
    fn types_are_those_that_browsers_insist_on() {
        assert_eq!(content_type(Path::new("a.wasm")), "application/wasm");
        assert_eq!(content_type(Path::new("a.d.ts")), TEXT);
        assert_eq!(content_type(Path::new("a.js.map")), "application/json");
        assert!(content_type(Path::new("a.mjs")).starts_with("text/javascript"));
    }
}
