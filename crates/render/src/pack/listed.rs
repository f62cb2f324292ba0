//! The order of files that `pack.json` may list.

use strata_model::diagnostic::Diagnostic;

use super::{DESCRIPTION, Findings};

/// Files of one folder of a pack.
pub(super) struct Listing<'a> {
    /// The key of `pack.json` that lists them.
    pub(super) key: &'static str,
    /// The folder, with `/` at its end; names in the list may leave it out.
    pub(super) folder: &'static str,
    /// The code for one that is there and not listed.
    pub(super) not_listed: &'static str,
    /// What one is called.
    pub(super) noun: &'static str,
    /// Those that are there, in the order that counts without a list.
    pub(super) present: Vec<&'a str>,
}

impl Listing<'_> {
    /// The files in the order of the list, or all where nothing is listed. What is listed and not there is an error, what
    /// is there and not listed a warning.
    pub(super) fn in_order(self, listed: Option<&[String]>, findings: &mut Findings) -> Vec<String> {
        let Some(listed) = listed.filter(|listed| !listed.is_empty()) else {
            return self.present.into_iter().map(str::to_owned).collect();
        };
        let Self { key, folder, not_listed, noun, present } = self;
        let mut order: Vec<String> = Vec::new();
        for name in listed {
            let path = name.strip_prefix("./").unwrap_or(name);
            let path = if path.starts_with(folder) { path.to_owned() } else { format!("{folder}{path}") };
            if !present.contains(&path.as_str()) {
                let shown: String = name.chars().take(100).collect();
                let message = format!("{key} names `{shown}`, which the pack does not have");
                let problem = Diagnostic::new("PACK_FILE_MISSING", message).in_file(DESCRIPTION);
                findings.error(problem.with_help(format!("add the file, or take its name out of {key}")));
            } else if !order.contains(&path) {
                order.push(path);
            }
        }
        for path in present.into_iter().filter(|path| !order.iter().any(|listed| listed == path)) {
            let message = format!("the {noun} is not rendered: {key} leaves it out");
            let problem = Diagnostic::new(not_listed, message).in_file(path);
            findings.warning(problem.with_help(format!("add it to {key} in pack.json, or remove the file")));
        }
        order
    }
}
