//! The counts that only ever go up, and the misses that are known.

use std::fs;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::corpus::{lists, read_list};

/// The counts of one run, or the floor under them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// Charts of the corpus.
    pub charts: usize,
    /// Their makers.
    pub makers: usize,
    /// Charts times variations.
    pub cases: usize,
    /// Cases in which all objects are the same, or both refuse.
    pub equal: usize,
    /// Templates of the cases that render.
    pub texts: usize,
    /// Templates whose text is the same, byte by byte.
    pub equal_texts: usize,
}

const FILE: &str = "score.json";

impl Score {
    /// The floor that was recorded.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn floor() -> Result<Self> {
        let path = lists().join(FILE);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Records this as the floor.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn record(&self) -> Result<()> {
        Ok(fs::write(lists().join(FILE), format!("{}\n", serde_json::to_string_pretty(self)?))?)
    }

    /// What of this lies below a floor.
    #[must_use]
    pub fn below(&self, floor: &Self) -> Vec<String> {
        let counts = |score: &Self| {
            [
                ("charts", score.charts),
                ("makers", score.makers),
                ("cases", score.cases),
                ("equal cases", score.equal),
                ("texts", score.texts),
                ("equal texts", score.equal_texts),
            ]
        };
        let pairs = counts(self).into_iter().zip(counts(floor));
        pairs
            .filter(|((_, now), (_, floor))| now < floor)
            .map(|((name, now), (_, floor))| format!("{name}: {now}, and the floor is {floor}"))
            .collect()
    }
}

/// How a case may miss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Helm renders it, we refuse it.
    Error,
    /// Helm refuses it, we render it.
    Refusal,
    /// Objects differ.
    Objects,
    /// Texts differ, which no object shows.
    Texts,
}

/// A miss that is known, and why it is there.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownMiss {
    /// The chart's id.
    pub chart: String,
    /// The variation.
    pub variation: String,
    /// How it misses.
    pub kind: Kind,
    /// Why.
    pub reason: String,
}

#[derive(Deserialize)]
struct List {
    misses: Vec<KnownMiss>,
}

/// The misses that are known.
///
/// # Errors
/// When the list cannot be read.
pub fn known_misses() -> Result<Vec<KnownMiss>> {
    Ok(read_list::<List>("known-misses.yaml")?.misses)
}
