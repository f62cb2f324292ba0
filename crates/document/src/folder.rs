//! A profile as a folder fit for git: `profile.yaml`, one file of values a layer, and one a manifest.

use std::collections::BTreeMap;

use serde_json::Value;
use strata_model::diagnostic::Diagnostic;

use crate::{PROFILE_FILE, ProfileDocument, read::read_with, write::written};

/// Most bytes of all files together.
const MAX_BYTES: usize = 16 << 20;

/// The files by their path in the folder.
#[must_use]
pub fn to_files(document: &ProfileDocument) -> BTreeMap<String, String> {
    let path = |name: &str| format!("layers/{name}.yaml");
    let mut files = BTreeMap::new();
    for layer in document.layers.iter().filter(|layer| !layer.values.is_empty()) {
        files.insert(path(&layer.name), layer.values.clone());
    }
    let manifest_path = |layer: &str, name: &str| format!("manifests/{layer}/{name}.yaml");
    for layer in &document.layers {
        for manifest in &layer.manifests {
            files.insert(manifest_path(&layer.name, &manifest.name), manifest.text.clone());
        }
    }
    let profile = written(
        document,
        |layer| ("valuesFile", Value::String(path(&layer.name))),
        |layer, manifest| ("file", manifest_path(&layer.name, &manifest.name)),
    );
    files.insert(PROFILE_FILE.to_owned(), profile);
    files
}

/// Reads the files of a folder.
///
/// # Errors
/// `DOCUMENT_INVALID` when there is no `profile.yaml` or a file that it names; those of [`crate::read_text`].
pub fn read_files(files: &BTreeMap<String, String>) -> Result<ProfileDocument, Vec<Diagnostic>> {
    if files.values().map(String::len).sum::<usize>() > MAX_BYTES {
        let problem =
            Diagnostic::new("DOCUMENT_TOO_LARGE", format!("the files have more than {MAX_BYTES} bytes"));
        return Err(vec![problem.with_help("keep large texts in packs")]);
    }
    let Some(text) = files.get(PROFILE_FILE) else {
        let problem = Diagnostic::new("DOCUMENT_INVALID", format!("there is no {PROFILE_FILE}"));
        return Err(vec![problem.with_help("give the folder that `strata profile export` wrote")]);
    };
    read_with(text, PROFILE_FILE, |path| files.get(path).cloned())
}
