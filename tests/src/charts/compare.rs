//! Texts side by side with those of Helm. What differs between two renders of Helm's is random and left aside.

use std::collections::BTreeMap;

use strata_render::chart::compare::shorten;
pub use strata_render::chart::compare::{Difference, objects};

use super::helm::Rendered;

/// How texts compare.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    /// How many there are on Helm's side.
    pub total: usize,
    /// How many have a random part that could not be told line by line, and were left aside.
    pub random: usize,
    /// The first difference of each that differs.
    pub differences: Vec<Difference>,
}

/// Compares byte by byte; lines that differ between Helm's own two renders are left aside.
#[must_use]
pub fn texts(helm: &[Rendered; 2], ours: &BTreeMap<String, String>) -> Texts {
    let mut result = Texts { total: helm[0].texts.len(), ..Texts::default() };
    for (path, expected) in &helm[0].texts {
        let again = helm[1].texts.get(path).unwrap_or(expected);
        let Some(got) = ours.get(path) else {
            if !expected.trim().is_empty() {
                result.differences.push(Difference {
                    what: path.clone(),
                    path: String::new(),
                    expected: "a text".to_owned(),
                    got: "nothing".to_owned(),
                });
            }
            continue;
        };
        if expected == got {
            continue;
        }
        let [expected, again, got] = [expected, again, got].map(|text| text.split('\n').collect::<Vec<_>>());
        if expected.len() != again.len() {
            result.random += 1;
            continue;
        }
        let mut lines =
            (0..expected.len().max(got.len())).filter(|&line| expected.get(line) == again.get(line));
        if let Some(line) = lines.find(|&line| expected.get(line) != got.get(line)) {
            let show = |text: &[&str]| {
                text.get(line).map_or_else(|| "the end".to_owned(), |line| shorten(&format!("{line:?}")))
            };
            result.differences.push(Difference {
                what: path.clone(),
                path: format!("line {}", line + 1),
                expected: show(&expected),
                got: show(&got),
            });
        }
    }
    result
}
