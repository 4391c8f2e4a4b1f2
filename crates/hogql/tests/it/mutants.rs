//! The corpus, damaged in many ways: whatever comes of it, there is an answer. The long run is `scripts/fuzz.sh hogql`.

use std::panic;
use std::thread;

use crate::examine::examine;
use crate::goldens::corpus;

/// Texts made of the corpus. A second or two of them for each thousand.
const MUTANTS: usize = 20_000;
/// The stack of the threads that handle requests.
const STACK_BYTES: usize = 2 << 20;

/// Numbers that look random and are the same in every run (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not zero.
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("below a usize")
    }

    fn choose<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// Pieces that mean something, or nothing, in many places.
const PIECES: &[&str] = &[
    "select",
    "from events",
    "where",
    "group by",
    "order by",
    "limit 1",
    "union all",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ".",
    "'",
    "`",
    "\"",
    "--",
    "/*",
    "f'",
    "<A",
    "/>",
    "->",
    "::",
    "?",
    "??",
    "null",
    "0x",
    "1e999",
    "-9223372036854775808",
    "18446744073709551616",
    "*",
    "properties.",
    "person.properties.email",
    "count()",
    "arrayJoin([1])",
    "over (",
    "in cohort 5",
    "{filters}",
    "{variables.x}",
    "interval 1 day",
    "toDateTime('2026-01-01')",
    "session.$session_duration",
    "é",
    "\u{0}",
    "as a",
    "not",
    "between 1 and",
    "case when",
    "with x as (",
    "array join",
    "quantile(0.5)(",
    "lambda x:",
];

/// `text` cut into words, numbers, quotes, spaces and single signs.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        let end = if is_word(first) { rest.find(|c| !is_word(c)).unwrap_or(rest.len()) } else { first.len_utf8() };
        let (piece, after) = rest.split_at(end);
        pieces.push(piece);
        rest = after;
    }
    pieces
}

fn text_of<'a>(dice: &mut Dice, texts: &'a [String]) -> &'a str {
    dice.choose::<String>(texts)
}

fn mutant(dice: &mut Dice, texts: &[String]) -> String {
    let mut pieces: Vec<String> = pieces(text_of(dice, texts)).into_iter().map(str::to_owned).collect();
    for _ in 0..=dice.below(4) {
        let at = dice.below(pieces.len() + 1);
        match dice.below(7) {
            0 if at < pieces.len() => drop(pieces.remove(at)),
            1 => pieces.insert(at, format!(" {} ", dice.choose(PIECES))),
            2 if at < pieces.len() => pieces[at] = (*dice.choose(PIECES)).to_owned(),
            3 => {
                let other = self::pieces(text_of(dice, texts)).into_iter().map(str::to_owned).collect::<Vec<_>>();
                let start = dice.below(other.len() + 1);
                let end = (start + dice.below(12)).min(other.len());
                pieces.splice(at..at, other[start..end].iter().cloned());
            }
            4 => {
                let end = (at + dice.below(8)).min(pieces.len());
                let again = pieces[at..end].to_vec();
                for _ in 0..=dice.below(3) {
                    pieces.splice(at..at, again.iter().cloned());
                }
            }
            5 => pieces.truncate(at),
            _ => {
                let end = (at + dice.below(8)).min(pieces.len());
                pieces.drain(at..end);
            }
        }
    }
    pieces.concat()
}

#[test]
fn mutants_of_the_corpus_are_answered() {
    let texts: Vec<String> = corpus().into_iter().map(|(_, text)| text).collect();
    let run = move || {
        let mut dice = Dice(20_260_101);
        for at in 0..MUTANTS {
            let text = mutant(&mut dice, &texts);
            let examined = panic::catch_unwind(|| examine(&text));
            assert!(examined.is_ok(), "mutant {at} broke a promise: {text:?}");
        }
    };
    thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(run)
        .expect("a thread")
        .join()
        .expect("every mutant is answered");
}
