//! The assertion of a JWT bearer login: RS256, verified with the key of the settings.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde::Deserialize;

/// What an assertion claims.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    pub iss: String,
    pub sub: String,
    pub aud: String,
    /// In seconds since 1970.
    pub exp: f64,
}

/// The claims of an assertion that this key signed; nothing of one that it did not.
pub(super) fn verify(assertion: &str, pem: &str) -> Option<Claims> {
    let (signed, signature) = assertion.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let header: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    if header["alg"] != "RS256" {
        return None;
    }
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, rsa_key(pem)?);
    key.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

/// The RSAPublicKey in a PEM, which may be wrapped in a SubjectPublicKeyInfo.
fn rsa_key(pem: &str) -> Option<Vec<u8>> {
    let begin = pem.split_once("-----BEGIN ")?.1;
    let (label, rest) = begin.split_once("-----")?;
    let base64: String = rest.split_once("-----END")?.0.split_whitespace().collect();
    let der = STANDARD.decode(base64).ok()?;
    match label {
        "RSA PUBLIC KEY" => Some(der),
        "PUBLIC KEY" => {
            let (info, _) = element(&der, 0x30)?;
            let (_algorithm, rest) = element(info, 0x30)?;
            let (bits, _) = element(rest, 0x03)?;
            // The first octet of a bit string counts the bits that are not used, which are none.
            Some(bits.strip_prefix(&[0])?.to_vec())
        }
        _ => None,
    }
}

/// The content of the DER element at the start, which must have this tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let rest = der.strip_prefix(&[tag])?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 | 0x82 => {
            let (octets, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
            (octets.iter().fold(0, |length, octet| length << 8 | usize::from(*octet)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}
