//! `.helmignore`: which files of a chart's folder are not part of the chart.
//!
//! *Idea.* One pattern a line. A pattern with a slash is held against the whole path, one without against the last name
//! only; a slash at the end means folders only, one at the beginning the chart's own folder. Everything below an ignored
//! folder is ignored.
//!
//! *Caveats.* As in Helm, `!` turns its own line around (all that does *not* match is ignored) and excepts nothing from
//! other lines; `**` is an error.

use std::collections::BTreeMap;

use strata_model::diagnostic::Diagnostic;

/// The file.
pub(super) const IGNORE_FILE: &str = ".helmignore";
/// Most lines that are looked at.
const MAX_RULES: usize = 1_000;
/// Most steps of matching one pattern with one name; stars make more of them than a name has letters.
const MAX_STEPS: usize = 100_000;

struct Rule {
    pattern: Vec<char>,
    negated: bool,
    only_folders: bool,
    /// Held against the whole path rather than the last name.
    whole_path: bool,
}

/// The rules of a chart.
pub(super) struct Rules(Vec<Rule>);

impl Rules {
    /// The rules of a text, and the one that always counts: hidden files below `templates`.
    pub(super) fn read(text: &str) -> Result<Self, Diagnostic> {
        let refuse = |line: usize, message: &str, help: &str| {
            Diagnostic::new("CHART_IGNORE_INVALID", message)
                .in_file(IGNORE_FILE)
                .at(u32::try_from(line + 1).unwrap_or(u32::MAX), 1)
                .with_help(help)
        };
        let mut rules = vec![Rule {
            pattern: "templates/.?*".chars().collect(),
            negated: false,
            only_folders: false,
            whole_path: true,
        }];
        for (line, text) in text.lines().enumerate() {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            if rules.len() > MAX_RULES {
                return Err(refuse(line, "there are too many patterns", "join some of them"));
            }
            if text.contains("**") {
                return Err(refuse(line, "`**` is not offered", "write one pattern for each depth"));
            }
            let (text, negated) = text.strip_prefix('!').map_or((text, false), |rest| (rest, true));
            let (text, only_folders) = text.strip_suffix('/').map_or((text, false), |rest| (rest, true));
            let (text, rooted) = text.strip_prefix('/').map_or((text, false), |rest| (rest, true));
            let pattern: Vec<char> = text.chars().collect();
            if !well_formed(&pattern) {
                return Err(refuse(line, "the pattern cannot be read", "close the bracket, or escape it"));
            }
            rules.push(Rule { whole_path: rooted || pattern.contains(&'/'), pattern, negated, only_folders });
        }
        Ok(Self(rules))
    }

    /// The files that stay.
    pub(super) fn keep<'f>(
        &self,
        files: &'f BTreeMap<String, Vec<u8>>,
    ) -> impl Iterator<Item = (&'f str, &'f [u8])> {
        let mut folders: BTreeMap<&'f str, bool> = BTreeMap::new();
        files.iter().filter_map(move |(path, bytes)| {
            let ends = path.match_indices('/').map(|(at, _)| at);
            for folder in ends.filter_map(|end| path.get(..end)) {
                let ignored = *folders.entry(folder).or_insert_with(|| self.ignores(folder, true));
                if ignored {
                    return None;
                }
            }
            (!self.ignores(path, false)).then_some((path.as_str(), bytes.as_slice()))
        })
    }

    fn ignores(&self, path: &str, is_folder: bool) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        self.0.iter().any(|rule| {
            let held: Vec<char> = if rule.whole_path { path } else { name }.chars().collect();
            let fits = matches(&rule.pattern, &held);
            if rule.negated {
                (rule.only_folders && !is_folder) || !fits
            } else {
                fits && (is_folder || !rule.only_folders)
            }
        })
    }
}

/// Whether every bracket is closed and no backslash stands at the end.
fn well_formed(pattern: &[char]) -> bool {
    let mut at = 0;
    while let Some(character) = pattern.get(at) {
        match character {
            '\\' if at + 1 == pattern.len() => return false,
            '\\' => at += 2,
            '[' => match class(pattern, at, None) {
                Some((_, end)) => at = end,
                None => return false,
            },
            _ => at += 1,
        }
    }
    true
}

/// Whether a class that begins at `at` holds a character, and where it ends; `None` for a broken one.
fn class(pattern: &[char], at: usize, character: Option<char>) -> Option<(bool, usize)> {
    let mut at = at + 1;
    let negated = pattern.get(at) == Some(&'^');
    at += usize::from(negated);
    let one = |at: &mut usize| {
        let mut found = *pattern.get(*at)?;
        if found == '\\' {
            *at += 1;
            found = *pattern.get(*at)?;
        }
        *at += 1;
        Some(found)
    };
    let (mut held, mut first) = (false, true);
    loop {
        if pattern.get(at) == Some(&']') && !first {
            return Some((held != negated, at + 1));
        }
        first = false;
        let low = one(&mut at)?;
        let high = if pattern.get(at) == Some(&'-') {
            at += 1;
            one(&mut at)?
        } else {
            low
        };
        held |= character.is_some_and(|character| low <= character && character <= high);
    }
}

/// Whether a pattern fits a whole text; stars and question marks stop at slashes.
fn matches(pattern: &[char], text: &[char]) -> bool {
    let (mut at, mut in_text) = (0, 0);
    // Where to go on when what follows the last star does not fit: the star takes one more.
    let mut retry: Option<(usize, usize)> = None;
    for _ in 0..MAX_STEPS {
        let here = text.get(in_text).copied();
        let step = match pattern.get(at) {
            Some('*') => {
                retry = Some((at, in_text));
                at += 1;
                continue;
            }
            Some('?') => here.filter(|&c| c != '/').map(|_| at + 1),
            Some('[') => match class(pattern, at, here) {
                Some((true, end)) if here.is_some_and(|c| c != '/') => Some(end),
                _ => None,
            },
            Some('\\') => (pattern.get(at + 1).copied() == here && here.is_some()).then_some(at + 2),
            Some(&literal) => (here == Some(literal)).then_some(at + 1),
            None if here.is_none() => return true,
            None => None,
        };
        if let Some(next) = step {
            (at, in_text) = (next, in_text + 1);
            continue;
        }
        let Some((star, taken)) = retry else { return false };
        match text.get(taken) {
            Some(&character) if character != '/' => {
                retry = Some((star, taken + 1));
                (at, in_text) = (star + 1, taken + 1);
            }
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(rules: &str) -> Vec<String> {
        let paths =
            [".helmignore", "Chart.yaml", "d/e/bar.md", "d/foo.txt", "foo.txt", "x.bak", "templates/.hid"];
        let files = paths.iter().map(|path| ((*path).to_owned(), Vec::new())).collect();
        let rules = Rules::read(rules).unwrap();
        rules.keep(&files).map(|(path, _)| path.to_owned()).collect()
    }

    #[test]
    fn patterns_mean_what_helm_means() {
        let cases: [(&str, &[&str]); 9] = [
            ("", &["x.bak"]),
            ("*.bak\n", &[]),
            ("/foo.txt  \n# no\n\n*.bak", &["d/foo.txt"]),
            ("d/foo.txt\n*.bak", &["foo.txt"]),
            ("d/\n", &["foo.txt"]),
            ("./foo.txt", &["foo.txt"]),
            ("foo.tx[t]", &["x.bak"]),
            ("d/*", &["foo.txt"]),
            (".*", &["Chart.yaml"]),
        ];
        for (rules, there) in cases {
            let kept = kept(rules);
            assert!(there.iter().all(|path| kept.iter().any(|kept| kept == path)), "{rules:?}: {kept:?}");
            assert!(!kept.iter().any(|path| path == "templates/.hid"), "{rules:?}");
        }
        assert!(!kept("foo.txt").iter().any(|path| path.ends_with("foo.txt")));
        assert!(!kept("d/\n").iter().any(|path| path.starts_with("d/")));
        assert!(!kept("*.bak").contains(&"x.bak".to_owned()));
        assert_eq!(kept("!foo.txt"), ["foo.txt"]);
        assert!(Rules::read("a[").is_err() && Rules::read("**/a").is_err());
    }

    #[test]
    fn many_stars_end_soon() {
        let pattern: Vec<char> = "*a".repeat(200).chars().collect();
        let text: Vec<char> = "a".repeat(150).chars().collect();
        assert!(!matches(&pattern, &text));
    }
}
