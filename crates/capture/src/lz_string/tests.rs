use proptest::prelude::*;

use super::*;

fn unpacked(packed: &str, limit: usize) -> Result<String, LzStringError> {
    decode(packed.as_bytes(), limit)
}

/// Packed text whose codes name the entry about to be made, each one longer than the last: the worst case of growth.
fn quadratic_bomb(codes: usize) -> String {
    let mut bits: Vec<bool> = Vec::new();
    let mut push = |value: usize, width: u32| bits.extend((0..width).map(|place| value >> place & 1 == 1));
    push(0, 2);
    push(usize::from(b'a'), 8);
    let (mut width, mut entries) = (Width { bits: 3, room: 4 }, 1);
    for _ in 0..codes {
        push(CODE_FIRST_ENTRY + entries, width.bits);
        entries += 1;
        width.use_one();
    }
    let digit =
        |chunk: &[bool]| chunk.iter().enumerate().fold(0, |value, (at, bit)| value | usize::from(*bit) << (5 - at));
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bits.chunks(6).map(|chunk| char::from(DIGITS[digit(chunk)])).collect()
}

#[test]
fn packed_text_of_the_original_library_is_unpacked() {
    assert_eq!(unpacked("BYUwNmD2Q===", 100), Ok("hello".to_owned()));
    assert_eq!(unpacked("Q===", 100), Ok(String::new()));
}

#[test]
fn what_is_not_lz_string_is_refused() {
    for packed in ["", "A", "====", "{\"a\":1}", "zzzz", "BYUw"] {
        assert_eq!(unpacked(packed, 100), Err(LzStringError::Invalid), "{packed}");
    }
}

#[test]
fn halves_of_characters_are_replaced() {
    let packed = lz_str::compress_to_base64(&[0xD83D_u16, 0x41][..]);
    assert_eq!(unpacked(&packed, 100), Ok("\u{fffd}A".to_owned()));
}

#[test]
fn output_stops_at_the_limit() {
    let packed = lz_str::compress_to_base64(&"a".repeat(10_000));
    assert_eq!(unpacked(&packed, 10_000).map(|text| text.len()), Ok(10_000));
    assert_eq!(unpacked(&packed, 9_999), Err(LzStringError::TooLarge));
    assert_eq!(unpacked(&lz_str::compress_to_base64("€€€"), 8), Err(LzStringError::TooLarge));
}

#[test]
fn a_bomb_of_growing_phrases_stops_at_the_limit() {
    assert_eq!(unpacked(&quadratic_bomb(1_000_000), 1 << 20), Err(LzStringError::TooLarge));
    let oracle = lz_str::decompress_from_base64(&quadratic_bomb(50));
    assert_eq!(oracle, None, "the oracle agrees that the end is missing");
}

proptest! {
    #[test]
    fn everything_packed_is_unpacked(text in "(?s).{0,200}") {
        prop_assert_eq!(unpacked(&lz_str::compress_to_base64(&text), 10_000), Ok(text));
    }

    #[test]
    fn repetitive_text_is_unpacked(word in "[ab]{1,6}", times in 0_usize..600) {
        let text = word.repeat(times);
        prop_assert_eq!(unpacked(&lz_str::compress_to_base64(&text), 10_000), Ok(text));
    }

    /// Where the other implementation finds text, this one finds the same.
    #[test]
    fn random_digits_give_what_the_oracle_gives(packed in "[A-Za-z0-9+/]{0,60}") {
        let expected = lz_str::decompress_from_base64(&packed).filter(|_| !packed.is_empty());
        if let Some(units) = expected {
            prop_assert_eq!(unpacked(&packed, 1_000_000), Ok(String::from_utf16_lossy(&units)));
        }
    }
}
