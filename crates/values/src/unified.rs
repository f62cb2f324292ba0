//! Unified diffs of texts, bounded in work.
//!
//! *Caveats.* Where two texts differ over more than [`MAX_LINES`] lines, the part that differs is shown as removed
//! and added as a whole: correct, less helpful, and quick. Bounds are sizes and not times, so that the same texts
//! always give the same diff.

use std::fmt::Write as _;

use similar::{Algorithm, TextDiff};

/// Most lines, of both texts together and without equal heads and tails, that are aligned line by line. The work grows with
/// the square of this in the worst case: about 10⁸ steps.
pub const MAX_LINES: usize = 10_000;

/// Lines of context around each change.
const CONTEXT: usize = 3;

/// What the two sides are called in the head of a diff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Labels<'a> {
    /// The text before.
    pub current: &'a str,
    /// The text after.
    pub pending: &'a str,
}

/// The unified diff from `current` to `pending`; empty when they are equal.
#[must_use]
pub fn unified(current: &str, pending: &str, labels: Labels<'_>) -> String {
    if current == pending {
        return String::new();
    }
    let old: Vec<&str> = current.split_inclusive('\n').collect();
    let new: Vec<&str> = pending.split_inclusive('\n').collect();
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let tail =
        old.iter().skip(head).rev().zip(new.iter().skip(head).rev()).take_while(|(a, b)| a == b).count();
    if old.len() + new.len() - 2 * (head + tail) > MAX_LINES {
        return one_hunk(&old, &new, head, tail, labels);
    }
    TextDiff::configure()
        .algorithm(Algorithm::Myers)
        .diff_lines(current, pending)
        .unified_diff()
        .context_radius(CONTEXT)
        .header(labels.current, labels.pending)
        .to_string()
}

fn one_hunk(old: &[&str], new: &[&str], head: usize, tail: usize, labels: Labels<'_>) -> String {
    let start = head.saturating_sub(CONTEXT);
    let after = tail.min(CONTEXT);
    let mut out = format!("--- {}\n+++ {}\n", labels.current, labels.pending);
    let (old_count, new_count) = (old.len() - tail + after - start, new.len() - tail + after - start);
    let first = start + 1;
    // Writing to a String cannot fail.
    writeln!(out, "@@ -{first},{old_count} +{first},{new_count} @@").unwrap_or_default();
    let mut lines = |sign: char, lines: &[&str]| {
        for line in lines {
            out.push(sign);
            out.push_str(line);
            if !line.ends_with('\n') {
                out.push_str("\n\\ No newline at end of file\n");
            }
        }
    };
    lines(' ', old.get(start..head).unwrap_or_default());
    lines('-', old.get(head..old.len() - tail).unwrap_or_default());
    lines('+', new.get(head..new.len() - tail).unwrap_or_default());
    lines(' ', old.get(old.len() - tail..old.len() - tail + after).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: Labels<'_> = Labels { current: "current", pending: "pending" };

    #[test]
    fn a_small_change_is_one_small_hunk() {
        let diff = unified("a: 1\nb: 2\n", "a: 1\nb: 3\n", LABELS);
        assert_eq!(diff, "--- current\n+++ pending\n@@ -1,2 +1,2 @@\n a: 1\n-b: 2\n+b: 3\n");
        assert_eq!(unified("a", "a", LABELS), "");
    }

    #[test]
    fn a_huge_change_is_bounded_and_whole() {
        let text = |tag: &str| {
            let middle: String = (0..MAX_LINES).map(|line| format!("{tag}{line}\n")).collect();
            format!("h1\nh2\nh3\nh4\n{middle}t1\n")
        };
        let diff = unified(&text("a"), &text("b"), LABELS);
        let lines: Vec<&str> = diff.lines().collect();
        assert_eq!(lines[2], format!("@@ -2,{0} +2,{0} @@", MAX_LINES + 4));
        assert_eq!((lines[3], lines.last().copied()), (" h2", Some(" t1")));
        assert_eq!(lines.iter().filter(|line| line.starts_with('-')).count(), MAX_LINES + 1);
        // A large text with a small change is still shown line by line.
        let long = text("a");
        assert!(unified(&long, &long.replace("a500\n", "b\n"), LABELS).lines().count() < 12);
    }
}
