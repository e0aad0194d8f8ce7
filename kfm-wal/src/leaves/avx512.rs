//! Sixteen blocks of SHA-256 at once (FIPS 180-4, 6.2.2), a message in each lane of AVX-512's registers.
//!
//! The only file of the crate with `unsafe`: the compiler has to be told that the processor has these
//! instructions, which is looked up first, and that sixteen words in memory are one register.
#![allow(unsafe_code, reason = "instructions of the processor; see the first lines of this file")]

use std::arch::x86_64::*;

use super::{BLOCK_BYTES, Blocks, Compress, LANES, State};

/// Returns the function, if this processor has the instructions for it.
pub(super) fn compress() -> Option<Compress> {
    let there = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
    // SAFETY: the processor has what `lanes` is compiled for.
    there.then_some(|state, blocks| unsafe { lanes(state, blocks) })
}

/// The constants of the rounds (FIPS 180-4, 4.2.2).
#[rustfmt::skip]
const K: [u32; 64] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
];

#[target_feature(enable = "avx512f,avx512bw")]
fn lanes(state: &mut State, blocks: &Blocks) {
    let mut w = transposed(blocks);
    let before = [
        load(&state[0]),
        load(&state[1]),
        load(&state[2]),
        load(&state[3]),
        load(&state[4]),
        load(&state[5]),
        load(&state[6]),
        load(&state[7]),
    ];
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = before;
    for pass in 0..4 {
        // The letters change their names from round to round; after eight rounds each is at its place again.
        macro_rules! round {
            ($t:literal, $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident) => {
                if pass > 0 {
                    let (s0, s1) = (small_sigma0(w[($t + 1) % 16]), small_sigma1(w[($t + 14) % 16]));
                    w[$t] = add(add(w[$t], s0), add(w[($t + 9) % 16], s1));
                }
                let k = _mm512_set1_epi32(K[16 * pass + $t].cast_signed());
                let t1 = add(add($h, big_sigma1($e)), add(choose($e, $f, $g), add(k, w[$t])));
                $d = add($d, t1);
                $h = add(t1, add(big_sigma0($a), majority($a, $b, $c)));
            };
        }
        round!(0, a b c d e f g h);
        round!(1, h a b c d e f g);
        round!(2, g h a b c d e f);
        round!(3, f g h a b c d e);
        round!(4, e f g h a b c d);
        round!(5, d e f g h a b c);
        round!(6, c d e f g h a b);
        round!(7, b c d e f g h a);
        round!(8, a b c d e f g h);
        round!(9, h a b c d e f g);
        round!(10, g h a b c d e f);
        round!(11, f g h a b c d e);
        round!(12, e f g h a b c d);
        round!(13, d e f g h a b c);
        round!(14, c d e f g h a b);
        round!(15, b c d e f g h a);
    }
    for ((words, before), after) in state.iter_mut().zip(before).zip([a, b, c, d, e, f, g, h]) {
        store(words, add(before, after));
    }
}

#[target_feature(enable = "avx512f")]
fn add(x: __m512i, y: __m512i) -> __m512i {
    _mm512_add_epi32(x, y)
}

/// `x ^ y ^ z`.
#[target_feature(enable = "avx512f")]
fn xor3(x: __m512i, y: __m512i, z: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<0x96>(x, y, z)
}

/// Ch: the bit of `y` where `x` has a bit, the bit of `z` elsewhere.
#[target_feature(enable = "avx512f")]
fn choose(x: __m512i, y: __m512i, z: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<0xca>(x, y, z)
}

/// Maj: each bit that at least two of the three have.
#[target_feature(enable = "avx512f")]
fn majority(x: __m512i, y: __m512i, z: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<0xe8>(x, y, z)
}

#[target_feature(enable = "avx512f")]
fn big_sigma0(x: __m512i) -> __m512i {
    xor3(_mm512_ror_epi32::<2>(x), _mm512_ror_epi32::<13>(x), _mm512_ror_epi32::<22>(x))
}

#[target_feature(enable = "avx512f")]
fn big_sigma1(x: __m512i) -> __m512i {
    xor3(_mm512_ror_epi32::<6>(x), _mm512_ror_epi32::<11>(x), _mm512_ror_epi32::<25>(x))
}

#[target_feature(enable = "avx512f")]
fn small_sigma0(x: __m512i) -> __m512i {
    xor3(_mm512_ror_epi32::<7>(x), _mm512_ror_epi32::<18>(x), _mm512_srli_epi32::<3>(x))
}

#[target_feature(enable = "avx512f")]
fn small_sigma1(x: __m512i) -> __m512i {
    xor3(_mm512_ror_epi32::<17>(x), _mm512_ror_epi32::<19>(x), _mm512_srli_epi32::<10>(x))
}

/// Returns the words of the blocks: word `n` of every message in register `n`.
#[target_feature(enable = "avx512f,avx512bw")]
fn transposed(blocks: &Blocks) -> [__m512i; LANES] {
    let mut rows = [_mm512_setzero_si512(); LANES];
    for (row, block) in rows.iter_mut().zip(blocks) {
        *row = words(block);
    }
    // Rows of four are transposed within each quarter of a register.
    let mut quads = rows;
    for n in (0..LANES).step_by(4) {
        let (lo01, hi01) =
            (_mm512_unpacklo_epi32(rows[n], rows[n + 1]), _mm512_unpackhi_epi32(rows[n], rows[n + 1]));
        let (lo23, hi23) = (
            _mm512_unpacklo_epi32(rows[n + 2], rows[n + 3]),
            _mm512_unpackhi_epi32(rows[n + 2], rows[n + 3]),
        );
        quads[n] = _mm512_unpacklo_epi64(lo01, lo23);
        quads[n + 1] = _mm512_unpackhi_epi64(lo01, lo23);
        quads[n + 2] = _mm512_unpacklo_epi64(hi01, hi23);
        quads[n + 3] = _mm512_unpackhi_epi64(hi01, hi23);
    }
    // Then the quarters: even ones by 0x88, odd ones by 0xdd.
    let mut words = rows;
    for n in 0..4 {
        let [q0, q1, q2, q3] = [quads[n], quads[n + 4], quads[n + 8], quads[n + 12]];
        let (even01, odd01) = (_mm512_shuffle_i32x4::<0x88>(q0, q1), _mm512_shuffle_i32x4::<0xdd>(q0, q1));
        let (even23, odd23) = (_mm512_shuffle_i32x4::<0x88>(q2, q3), _mm512_shuffle_i32x4::<0xdd>(q2, q3));
        words[n] = _mm512_shuffle_i32x4::<0x88>(even01, even23);
        words[n + 4] = _mm512_shuffle_i32x4::<0x88>(odd01, odd23);
        words[n + 8] = _mm512_shuffle_i32x4::<0xdd>(even01, even23);
        words[n + 12] = _mm512_shuffle_i32x4::<0xdd>(odd01, odd23);
    }
    words
}

/// Returns the sixteen words of a block; the first byte of a word is its highest.
#[target_feature(enable = "avx512f,avx512bw")]
fn words(block: &[u8; BLOCK_BYTES]) -> __m512i {
    let swapped = _mm512_set4_epi32(0x0c0d_0e0f, 0x0809_0a0b, 0x0405_0607, 0x0001_0203);
    // SAFETY: the block is as long as the register, and the instruction needs no alignment.
    _mm512_shuffle_epi8(unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }, swapped)
}

#[target_feature(enable = "avx512f")]
fn load(words: &[u32; LANES]) -> __m512i {
    // SAFETY: the words are as long as the register, and the instruction needs no alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f")]
fn store(words: &mut [u32; LANES], value: __m512i) {
    // SAFETY: the words are as long as the register, and the instruction needs no alignment.
    unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), value) }
}
