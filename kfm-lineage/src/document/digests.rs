//! The SHA-256 digests that the texts of a document spell: content that the document refers to.
//!
//! A digest is written in many ways: 64 hex digits with or without a prefix, a multihash, a CID, the base64 of
//! Subresource Integrity. Every text that can be read as one counts, at any place and under any name. A digest too many
//! does no harm: it is compared with digests that an authority named, and no text has one of those by chance.

use std::collections::BTreeSet;

use super::reader::{Scalar, Statement};
use crate::digest::{Digest, DigestKind};

/// The bytes of a digest.
const BYTES: usize = 32;

/// The most bytes before a digest: its multihash, CID and version codes, each a varint that may be written longer than
/// needed.
const PREFIX_BYTES_MAX: usize = 24;

/// How many digits a digest has in base 64, the densest base.
const BASE64_DIGITS: usize = 43;

/// The most digits of a digest with codes before it, in the base with the least dense text that is read as one.
const CODED_DIGITS_MAX: usize = 2 * (BYTES + PREFIX_BYTES_MAX);

/// A longer text is not one digest in groups.
const GROUPED_BYTES_MAX: usize = 256;

const HEX: &[u8] = b"0123456789abcdef";
const BASE32: &[u8] = b"abcdefghijklmnopqrstuvwxyz234567";
const BASE32_HEX: &[u8] = b"0123456789abcdefghijklmnopqrstuv";
const BASE36: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const BASE58: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const BASE58_FLICKR: &[u8] = b"123456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ";
const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Collects the digests of a document.
#[derive(Debug, Default)]
pub(super) struct Digests(BTreeSet<[u8; BYTES]>);

impl Digests {
    /// Reads every name and every value of a document.
    pub(super) fn of(root: Statement<'_>) -> Self {
        let mut digests = Self::default();
        for statement in std::iter::once(root).chain(root.inside()) {
            if let Some(name) = statement.name() {
                digests.read(name);
            }
            if let Scalar::Text(text) | Scalar::Number(text) = statement.scalar() {
                digests.read(text);
            }
        }
        digests
    }

    /// Reads a text.
    pub(super) fn read(&mut self, text: &str) {
        if text.len() < BASE64_DIGITS {
            return;
        }
        for word in
            text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() >= BASE64_DIGITS)
        {
            self.hex(word);
            self.multibase(word);
        }
        let mut at = 0;
        for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || "+/_-".contains(c))) {
            let end = at + word.len();
            if word.len() >= BASE64_DIGITS {
                let digest = end - BASE64_DIGITS;
                let is_padded = text[end..].starts_with('=');
                if is_padded || names_the_algorithm(&text[..digest]) || text.trim() == word {
                    self.last_of(&base64(&text[digest..end]));
                }
                if word.starts_with(['m', 'M', 'u', 'U']) && word.len() <= CODED_DIGITS_MAX {
                    self.coded(&base64(&word[1..]));
                }
            }
            at = end + text[end..].chars().next().map_or(0, char::len_utf8);
        }
        if text.len() <= GROUPED_BYTES_MAX {
            self.hex(&text.chars().filter(char::is_ascii_alphanumeric).collect::<String>());
        }
    }

    /// Returns the digests, each once and in order.
    pub(super) fn finish(self) -> Box<[Digest]> {
        self.0.into_iter().map(|bytes| Digest::from_parts(DigestKind::Bytes, bytes)).collect()
    }

    /// Reads the last 64 of hex digits: whatever stands before them is a prefix.
    fn hex(&mut self, word: &str) {
        if let Some(from) = word.len().checked_sub(2 * BYTES) {
            self.last_of(&powers_of_two(word[from..].to_ascii_lowercase().as_bytes(), HEX, 4));
        }
    }

    /// Reads a multihash or a CID behind the letter of its base, and a multihash in base 58 without that letter.
    fn multibase(&mut self, word: &str) {
        if word.len() > CODED_DIGITS_MAX {
            return;
        }
        let (base, behind) = (word.as_bytes()[0], &word.as_bytes()[1..]);
        let lower = behind.to_ascii_lowercase();
        match base {
            b'b' | b'B' => self.coded(&powers_of_two(&lower, BASE32, 5)),
            b'v' | b'V' => self.coded(&powers_of_two(&lower, BASE32_HEX, 5)),
            b'k' | b'K' => self.coded(&any_base(&lower, BASE36)),
            b'z' => self.coded(&any_base(behind, BASE58)),
            b'Z' => self.coded(&any_base(behind, BASE58_FLICKR)),
            b'Q' => self.coded(&any_base(word.as_bytes(), BASE58)),
            _ => {}
        }
    }

    /// Takes the digest at the end of bytes that begin with codes.
    fn coded(&mut self, bytes: &[u8]) {
        if (BYTES + 2..=BYTES + PREFIX_BYTES_MAX).contains(&bytes.len()) {
            self.last_of(bytes);
        }
    }

    fn last_of(&mut self, bytes: &[u8]) {
        self.0.extend(bytes.last_chunk::<BYTES>());
    }
}

/// Says whether a text ends with the name of the algorithm, and signs.
fn names_the_algorithm(before: &str) -> bool {
    let letters = before.bytes().rev().take(16).filter(u8::is_ascii_alphanumeric);
    letters.take(6).map(|letter| letter.to_ascii_lowercase()).eq(*b"652ahs")
}

/// Reads base 64 in either of its alphabets.
fn base64(word: &str) -> Vec<u8> {
    powers_of_two(word.replace('-', "+").replace('_', "/").as_bytes(), BASE64, 6)
}

fn digit(alphabet: &[u8], sign: u8) -> Option<u32> {
    alphabet.iter().position(|known| *known == sign).and_then(|value| u32::try_from(value).ok())
}

/// Reads digits of some bits each; empty if one is not of the alphabet. Bits that make no whole byte are left out.
fn powers_of_two(digits: &[u8], alphabet: &[u8], bits: u32) -> Vec<u8> {
    let (mut bytes, mut pending, mut held) = (Vec::new(), 0_u32, 0);
    for sign in digits {
        let Some(value) = digit(alphabet, *sign) else { return Vec::new() };
        pending = pending << bits | value;
        held += bits;
        if held >= 8 {
            held -= 8;
            bytes.push((pending >> held & 0xff) as u8);
            pending &= (1 << held) - 1;
        }
    }
    bytes
}

/// Reads digits of a base that is no power of two, as one large number; empty if one is not of the alphabet.
fn any_base(digits: &[u8], alphabet: &[u8]) -> Vec<u8> {
    let base = alphabet.len() as u32;
    let mut reversed: Vec<u8> = Vec::new();
    for sign in digits {
        let Some(mut carry) = digit(alphabet, *sign) else { return Vec::new() };
        for byte in &mut reversed {
            carry += u32::from(*byte) * base;
            *byte = (carry & 0xff) as u8;
            carry >>= 8;
        }
        while carry > 0 {
            reversed.push((carry & 0xff) as u8);
            carry >>= 8;
        }
    }
    reversed.reverse();
    reversed
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The digest of the bytes `abc`, in its spellings.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn spells_abc(text: &str) -> bool {
        let mut digests = Digests::default();
        digests.read(text);
        digests.finish().contains(&Digest::of_bytes(b"abc"))
    }

    #[test]
    fn a_digest_is_read_in_every_spelling() {
        let upper = ABC.to_uppercase();
        let pairs: Vec<&str> =
            ABC.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok()).collect();
        for text in [
            ABC.to_owned(),
            format!(" {ABC}"),
            format!("\u{feff}{upper}\n"),
            format!("sha256:{ABC}"),
            format!("SHA-256={upper}"),
            format!("1220{ABC}"),
            format!("f1220{ABC}"),
            format!("F1220{upper}"),
            format!("0x{ABC}"),
            format!("920020{ABC}"),
            format!("12a000{ABC}"),
            format!("f01551220{ABC}"),
            format!("https://h/blobs/sha256:{ABC}?v=2"),
            format!("it was {ABC}."),
            pairs.join(":"),
            pairs.join(" "),
            "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=".to_owned(),
            "sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:".to_owned(),
            "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0".to_owned(),
            "sha256-ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0".to_owned(),
            "QmatYkNGZnELf8cAGdyJpUca2PyY4szai3RHyyWofNY1pY".to_owned(),
            "zQmatYkNGZnELf8cAGdyJpUca2PyY4szai3RHyyWofNY1pY".to_owned(),
            "mEiC6eBa/jwHP6kFBQN5driIjsANho5YXepy0EP9h8gAVrQ".to_owned(),
            "uEiC6eBa_jwHP6kFBQN5driIjsANho5YXepy0EP9h8gAVrQ".to_owned(),
            "ipfs://bafkreif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvu/a.tif".to_owned(),
            "BAFKREIF2PALL7DYBZ7VECQKA3ZO24IRDWABWDI4WC55JZNAQ75Q7EAAVVU".to_owned(),
        ] {
            assert!(spells_abc(&text), "{text}");
        }
    }

    #[test]
    fn what_is_cut_off_or_of_another_digest_spells_no_other() {
        for text in [
            ABC[1..].to_owned(),
            format!("{}0", &ABC[..63]),
            format!("sha256:{}", &ABC[..62]),
            "sha256-".to_owned(),
            "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAF".to_owned(),
            "é".repeat(100),
        ] {
            assert!(!spells_abc(&text), "{text}");
        }
    }

    #[test]
    fn long_texts_cost_no_more_than_their_length() {
        for text in ["a".repeat(1 << 20), "z1".repeat(1 << 19), "ab:".repeat(1 << 19), "Q+/".repeat(1 << 19)]
        {
            assert!(!spells_abc(&text));
        }
    }
}
