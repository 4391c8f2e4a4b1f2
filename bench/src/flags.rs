//! Command-line flags: a handful of `--name value` pairs, which is too little for a library.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context as _, bail};

/// Flags without a value.
const SWITCHES: [&str; 2] = ["quick", "print-version"];
/// Flags with one.
const VALUES: [&str; 13] = [
    "hedgerow",
    "dir",
    "out",
    "rounds",
    "seconds",
    "listen",
    "rows",
    "persons",
    "files",
    "file",
    "seed",
    "bodies",
    "connections",
];

/// What stood behind the command.
#[derive(Debug, Default)]
pub(crate) struct Flags(Vec<(String, String)>);

impl Flags {
    /// Reads `--name value` and `--switch`.
    ///
    /// # Errors
    ///
    /// When a flag is unknown or lacks its value.
    pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let mut flags = Vec::new();
        while let Some(argument) = arguments.next() {
            let Some(name) = argument.strip_prefix("--") else { bail!("{argument:?} is not a flag") };
            let value = if SWITCHES.contains(&name) {
                String::new()
            } else if VALUES.contains(&name) {
                arguments.next().with_context(|| format!("--{name} needs a value"))?
            } else {
                bail!("--{name} is not known")
            };
            flags.push((name.to_owned(), value));
        }
        Ok(Self(flags))
    }

    /// Whether the switch was given.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(flag, _)| flag == name)
    }

    /// The value of `--name`, the last one if there are several.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(flag, _)| flag == name).map(|(_, value)| value.as_str())
    }

    /// The path `--name`, or `default`.
    pub(crate) fn path(&self, name: &str, default: &str) -> PathBuf {
        PathBuf::from(self.text(name).unwrap_or(default))
    }

    /// The number `--name`, or `default`.
    ///
    /// # Errors
    ///
    /// When it is not a number of that kind.
    pub(crate) fn number<T: FromStr>(&self, name: &str, default: T) -> anyhow::Result<T> {
        match self.text(name) {
            None => Ok(default),
            Some(text) => text.parse().ok().with_context(|| format!("--{name} is {text:?}, expected a number")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> anyhow::Result<Flags> {
        Flags::read(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn values_and_switches_are_told_apart() {
        let flags = read("--rounds 2 --quick --rounds 3").unwrap();
        assert!(flags.has("quick"));
        assert_eq!(flags.number("rounds", 5).unwrap(), 3);
        assert_eq!(flags.number("seconds", 3.5).unwrap().to_string(), "3.5");
        assert_eq!(flags.path("dir", "somewhere"), PathBuf::from("somewhere"));
    }

    #[test]
    fn mistakes_are_refused() {
        for line in ["--colour red", "rounds 2", "--rounds"] {
            assert!(read(line).is_err(), "{line}");
        }
        assert!(read("--rounds two").unwrap().number("rounds", 1).is_err());
    }
}
