//! The questions and the form of their answers.
//!
//! All of them are about project 1 (`team_id` 1), and "now" is 2026-06-30T00:00:00Z. Answers are CSV without a head, one
//! row per line, and are compared with those of the peers: strings may stand in quotes, numbers are compared to four
//! decimals, a value that is missing is an empty field, and the order of rows counts. A day is `2026-04-01`. A property is
//! its text: strings without quotes, anything else as it is written in JSON, and null is missing.
//!
//! | question | columns of a row | rows, in this order |
//! | --- | --- | --- |
//! | Q1 | event, count | events of the last 30 days by name; most first, then by name |
//! | Q2 | day, count, persons | `$pageview` by day: events and different persons; by day |
//! | Q3 | `$browser`, count | `$pageview` of the last 30 days; most first, then by browser |
//! | Q4 | day, count | all events whose `$current_url` contains `/pricing`, any case; by day |
//! | Q5 | `plan`, count, sum, mean | `purchase_completed`: of `amount`, to 2 and 4 decimals; by plan |
//! | Q6 | persons at steps 1, 2, 3 | one row: funnel `$pageview`, `add_to_cart`, `purchase_completed`, all in 14 days |
//! | Q7 | first week, weeks later, persons | `$pageview`; weeks are days (Mondays); by week, then by weeks later |
//! | Q12 | `$current_url`, count | last 7 days, URL contains `check`, any case; most first, then by URL; 10 rows |
//! | Q14 | median, 95th percentile | one row: `$prev_pageview_duration` of `$pageleave`, last 30 days, 6 decimals |
//!
//! "The last 30 days" are those from 2026-05-31T00:00:00Z on and before now; seven days begin on 2026-06-23. In Q5 and Q14
//! values that are no numbers do not count, and percentiles are exact, interpolated between neighbours. In Q6 a step
//! counts when the ones before it came earlier or at the same time, the first of them no more than 14 days ago.
//!
//! Q13 writes a file, the `out` of `ids.json`, and answers with its size in bytes: every event from 2026-06-20 on and
//! before 2026-06-25 as one JSON object per line, with `uuid event properties timestamp distinct_id elements_chain
//! created_at person_id person_properties`. Q8 to Q11 are asked over HTTP and not here.

use anyhow::bail;
use serde::Serialize;

/// What is answered.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the engine is not connected yet; the protocol is complete without it")
)]
pub(crate) enum Answer {
    /// Rows as CSV.
    Text(String),
    /// The size of the file that was written.
    Bytes(u64),
}

/// Answers `question`.
///
/// # Errors
///
/// When there is no such question, or it cannot be answered.
pub(crate) fn answer(question: &str) -> anyhow::Result<Answer> {
    match question {
        "Q1" | "Q2" | "Q3" | "Q4" | "Q5" | "Q6" | "Q7" | "Q12" | "Q13" | "Q14" => bail!("not built yet"),
        _ => bail!("there is no question {question:?}"),
    }
}
