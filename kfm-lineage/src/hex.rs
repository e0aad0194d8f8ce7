//! Bytes as lower-case hexadecimal digits: the one spelling that durable forms have, and the only one that is read.

/// Returns two lower-case digits for each byte.
///
/// ```
/// assert_eq!(kfm_lineage::hex::encode([0x0a, 0xff]), "0aff");
/// ```
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    let digit = |bits: u8| char::from_digit(u32::from(bits), 16).expect("four bits are a hex digit");
    bytes.as_ref().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Returns the bytes of exactly `2 * N` lower-case digits; `None` for any other text.
///
/// ```
/// assert_eq!(kfm_lineage::hex::decode("0aff"), Some([0x0a, 0xff]));
/// for other in ["0AFF", "0af", "0aff0", "0x0a", "+aff"] {
///     assert_eq!(kfm_lineage::hex::decode::<2>(other), None);
/// }
/// ```
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let mut bytes = [0; N];
    if pairs.len() != N {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}
