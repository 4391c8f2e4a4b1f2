//! Made-up events for comparing engines: what a busy shop on the web would send, the same rows in every run.
//!
//! The rows cover 90 days up to [`END_MS`] in `files` slices of equal length. A slice depends on the seed, its number and
//! the sizes, on nothing else, so slices can be made in any order and side by side. Every figure of the peer benchmark
//! refers to these rows: a change to them is a change of [`VERSION`], and a test holds their digest.
//!
//! `bench generate` writes one slice: columns to standard output, for engines that load tables, and the same events as
//! capture bodies to a file, for Hedgerow.

mod bodies;
mod frames;
mod json;
mod person;
mod properties;
mod random;
mod slice;
#[cfg(test)]
mod tests;
mod visit;
mod world;

use std::io::{self, BufWriter};

use anyhow::ensure;

use crate::flags::Flags;
use crate::report;

pub(crate) use bodies::BodyReader;

use bodies::BodyWriter;
use frames::Frame;
use slice::{Row, Slice};
use world::World;

/// Told to whoever keeps data made of these rows: another version, other rows.
const VERSION: u32 = 1;
/// 2026-06-30T00:00:00Z, which is after the last event.
const END_MS: i64 = 1_782_777_600_000;
const DAY_MS: i64 = 86_400_000;
const START_MS: i64 = END_MS - 90 * DAY_MS;

const FRAME_ROWS: usize = 50_000;
const OUTPUT_BUFFER_BYTES: usize = 1 << 20;

/// How many rows of whom, and which part of them.
#[derive(Debug, Clone, Copy)]
struct Extent {
    rows: usize,
    persons: usize,
    files: usize,
    file: usize,
    seed: u64,
}

impl Extent {
    fn read(flags: &Flags) -> anyhow::Result<Self> {
        let extent = Self {
            rows: flags.number("rows", 1_000_000)?,
            persons: flags.number("persons", 300_000)?,
            files: flags.number("files", 20)?,
            file: flags.number("file", 0)?,
            seed: flags.number("seed", 42)?,
        };
        ensure!(extent.persons > 0, "--persons is 0, must be at least 1");
        ensure!(extent.file < extent.files, "--file is {}, there are {}", extent.file, extent.files);
        Ok(extent)
    }

    /// Rows in this slice; the first slices have one more when they do not come out even.
    fn rows_here(self) -> usize {
        self.rows / self.files + usize::from(self.file < self.rows % self.files)
    }
}

/// Writes one slice; with `--print-version` only the version of the rows.
///
/// # Errors
///
/// When a flag is out of range or the output cannot be written.
pub(crate) fn run(flags: &Flags) -> anyhow::Result<()> {
    if flags.has("print-version") {
        return Ok(report::print(&format!("{VERSION}\n"))?);
    }
    let extent = Extent::read(flags)?;
    let bodies = match flags.text("bodies") {
        None => None,
        Some(_) => Some(BodyWriter::create(&flags.path("bodies", ""))?),
    };
    let out = BufWriter::with_capacity(OUTPUT_BUFFER_BYTES, io::stdout().lock());
    write(extent, out, bodies)
}

/// Writes the rows of one slice as frames to `out` and, if wanted, as capture bodies.
fn write(extent: Extent, mut out: impl io::Write, mut bodies: Option<BodyWriter>) -> anyhow::Result<()> {
    let world = World::new(extent.persons);
    let mut slice = Slice::new(&world, extent);
    let mut row = Row::default();
    let mut frame = Frame::default();
    while slice.next_into(&mut row) {
        frame.push(&row)?;
        if let Some(bodies) = &mut bodies {
            bodies.push(&row)?;
        }
        if frame.rows() == FRAME_ROWS {
            frame.write_to(&mut out)?;
            frame.clear();
        }
    }
    if frame.rows() > 0 {
        frame.write_to(&mut out)?;
    }
    out.flush()?;
    match bodies {
        None => Ok(()),
        Some(bodies) => bodies.finish(),
    }
}
