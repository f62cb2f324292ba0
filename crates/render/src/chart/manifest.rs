//! From texts of templates to documents.
//!
//! *Idea.* A text is cut at lines that begin with `---`, as Helm cuts it, before any YAML is read; so a line like that
//! inside a block text cuts, too. Notes, and what is only white space, are left out.

use serde_json::Value;
use strata_model::diagnostic::Diagnostic;
use strata_values::{ParseOptions, parse::kind_of};

use super::{
    ChartManifest, RenderedFile,
    hook::{self, Read},
    order::rank,
};
use crate::yaml::first_document;

/// Most documents of a chart.
const MAX_DOCUMENTS: usize = 10_000;

/// What the texts of a chart hold.
#[derive(Debug, Default)]
pub(super) struct Documents {
    pub(super) manifests: Vec<ChartManifest>,
    pub(super) hooks: Vec<ChartManifest>,
    pub(super) warnings: Vec<Diagnostic>,
}

/// Reads the documents of all texts.
pub(super) fn read(texts: &[RenderedFile]) -> Result<Documents, Vec<Diagnostic>> {
    let mut files: Vec<&RenderedFile> =
        texts.iter().filter(|file| !file.path.ends_with("NOTES.txt")).collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut documents = Documents::default();
    let mut problems = Vec::new();
    let mut count = 0_usize;
    for file in files {
        for (offset, text) in split(&file.text) {
            count += 1;
            if count > MAX_DOCUMENTS {
                let message = format!("the chart renders more than {MAX_DOCUMENTS} documents");
                problems.push(Diagnostic::new("CHART_TOO_LARGE", message).with_help("render less"));
                return Err(problems);
            }
            let line = file.text.get(..offset).unwrap_or_default().matches('\n').count();
            match document(&file.path, text, line) {
                Ok(Some(manifest)) => sort_in(manifest, &mut documents),
                Ok(None) => {}
                Err(problem) => problems.push(problem),
            }
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    for list in [&mut documents.manifests, &mut documents.hooks] {
        list.sort_by(|a, b| rank(kind(&a.value)).cmp(&rank(kind(&b.value))));
    }
    Ok(documents)
}

/// The objects of the files below `crds/`.
pub(super) fn definitions(crds: &[RenderedFile]) -> Result<Vec<Value>, Vec<Diagnostic>> {
    let mut objects = Vec::new();
    let mut problems = Vec::new();
    for file in crds {
        for (offset, text) in split(&file.text) {
            let line = file.text.get(..offset).unwrap_or_default().matches('\n').count();
            match document(&file.path, text, line) {
                Ok(manifest) => objects.extend(manifest.map(|manifest| manifest.value)),
                Err(problem) => problems.push(problem),
            }
        }
    }
    if problems.is_empty() { Ok(objects) } else { Err(problems) }
}

fn kind(manifest: &Value) -> &str {
    manifest.get("kind").and_then(Value::as_str).unwrap_or_default()
}

fn document(path: &str, text: &str, line: usize) -> Result<Option<ChartManifest>, Diagnostic> {
    let place = format!("{path} (rendered)");
    let shifted = |line_in_it: u32| line_in_it.saturating_add(u32::try_from(line).unwrap_or(u32::MAX));
    match first_document(text, &place, &ParseOptions::MANIFESTS) {
        Ok(Value::Null) => Ok(None),
        Ok(value @ Value::Object(_)) => Ok(Some(ChartManifest {
            path: path.to_owned(),
            text: text.to_owned(),
            line: shifted(1),
            value,
            hook: None,
        })),
        Ok(other) => {
            let message = format!("a manifest must be a mapping, found {}", kind_of(&other));
            Err(Diagnostic::new("CHART_MANIFEST_INVALID", message)
                .in_file(place)
                .at(shifted(1), 1)
                .with_help("begin it with apiVersion, kind and metadata"))
        }
        Err(mut problem) => {
            problem.line = problem.line.map(shifted);
            Err(problem)
        }
    }
}

fn sort_in(mut manifest: ChartManifest, documents: &mut Documents) {
    match hook::read(&manifest.value) {
        Read::Plain => documents.manifests.push(manifest),
        Read::Hook(hook) => {
            manifest.hook = Some(hook);
            documents.hooks.push(manifest);
        }
        Read::Unknown(event) => documents.warnings.push(
            Diagnostic::new(
                "CHART_HOOK_UNKNOWN",
                format!("the hook `{event}` is not known; its manifest is left out"),
            )
            .in_file(format!("{} (rendered)", manifest.path))
            .at(manifest.line, 1)
            .with_help("use one of Helm's hooks, such as pre-install"),
        ),
    }
}

/// The documents of a text, without white space around them, each with its offset; empty ones are left out.
///
/// A separator is `---` at the beginning of a line, with all white space around it. The beginning of the text counts,
/// and a line that directly follows a separator does not.
fn split(text: &str) -> Vec<(usize, &str)> {
    const SEPARATOR: &str = "---";
    let mut documents = Vec::new();
    let start = text.len() - text.trim_start().len();
    let text_end = text.trim_end().len();
    let Some(whole) = text.get(start..text_end.max(start)) else { return documents };
    let mut push = |from: usize, to: usize| {
        let piece = whole.get(from..to).unwrap_or_default();
        let document = piece.trim();
        if !document.is_empty() {
            documents.push((start + from + (piece.len() - piece.trim_start().len()), document));
        }
    };
    let after_space = |from: usize| {
        let rest = whole.get(from..).unwrap_or_default();
        whole.len() - rest.trim_start_matches(['\t', '\n', '\u{c}', '\r', ' ']).len()
    };
    let mut from = if whole.starts_with(SEPARATOR) { after_space(SEPARATOR.len()) } else { 0 };
    let mut search = from;
    while let Some(found) = whole.get(search..).and_then(|rest| rest.find("\n---")) {
        let separator = search + found;
        push(from, separator);
        from = after_space(separator + 1 + SEPARATOR.len());
        search = from;
    }
    push(from, whole.len());
    documents
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<&str> {
        split(text).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn texts_are_cut_as_helm_cuts_them() {
        assert_eq!(pieces("a: 1\n---\nb: 2\n"), ["a: 1", "b: 2"]);
        assert_eq!(pieces("\n---\n# c\na: 1\n\n  \n--- # here\nb: 2"), ["# c\na: 1", "# here\nb: 2"]);
        assert_eq!(pieces("---\n---\na: 1"), ["---\na: 1"]);
        assert_eq!(pieces("a: |\n  ---\nb: 1\n-----BEGIN"), ["a: |\n  ---\nb: 1", "--BEGIN"]);
        assert_eq!(pieces(" \n\t"), [] as [&str; 0]);
        assert_eq!(pieces("a: 1 --- b\r\n---\r\nb: 2"), ["a: 1 --- b", "b: 2"]);
        assert_eq!(split("\n\n---\n\nb: 2")[0].0, 7);
    }
}
