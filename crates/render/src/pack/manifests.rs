//! The templated manifests of a pack, in the order in which they render.

use strata_model::{
    diagnostic::Diagnostic,
    pack::{PackFiles, PackManifest},
};

use super::{DESCRIPTION, Findings, text_of};
use crate::template::Engine;

/// Where manifests lie.
const FOLDER: &str = "manifests/";

/// Whether a file of the folder only defines templates for the others, as `_helpers.tpl` does.
pub(crate) fn is_partial(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with('_'))
}

/// Reads the manifests: partials first, then those listed in `pack.json` in that order, or all by path.
pub(super) fn read(
    files: &PackFiles,
    listed: Option<&[String]>,
    findings: &mut Findings,
) -> Vec<PackManifest> {
    let candidate = |path: &&String| {
        path.starts_with(FOLDER)
            && (path.ends_with(".yaml")
                || path.ends_with(".yml")
                || (path.ends_with(".tpl") && is_partial(path)))
    };
    let present: Vec<&String> = files.keys().filter(candidate).collect();
    let partials = present.iter().copied().filter(|path| is_partial(path));
    let whole: Vec<&String> = present.iter().copied().filter(|path| !is_partial(path)).collect();
    let mut order: Vec<String> = partials.cloned().collect();
    match listed.filter(|listed| !listed.is_empty()) {
        None => order.extend(whole.into_iter().cloned()),
        Some(listed) => {
            for name in listed {
                let path = name.strip_prefix("./").unwrap_or(name);
                let path = if path.starts_with(FOLDER) { path.to_owned() } else { format!("{FOLDER}{path}") };
                if !files.contains_key(&path) {
                    let shown: String = name.chars().take(100).collect();
                    let message = format!("kubeManifests names `{shown}`, which the pack does not have");
                    let diagnostic = Diagnostic::new("PACK_FILE_MISSING", message).in_file(DESCRIPTION);
                    findings
                        .error(diagnostic.with_help("add the file, or take its name out of kubeManifests"));
                } else if !order.contains(&path) {
                    order.push(path);
                }
            }
            for path in whole.into_iter().filter(|path| !order.contains(path)) {
                findings.warning(
                    Diagnostic::new(
                        "MANIFEST_NOT_LISTED",
                        "the manifest is not rendered: kubeManifests leaves it out",
                    )
                    .in_file(path.as_str())
                    .with_help("add it to kubeManifests in pack.json, or remove the file"),
                );
            }
        }
    }
    let mut manifests = Vec::with_capacity(order.len());
    for path in order {
        let Some(text) = text_of(files, &path, findings) else { continue };
        // Each file by itself, so that one mistake does not hide another.
        if let Err(error) = Engine::new().parse(&path, &text) {
            findings
                .error(crate::template_error::diagnose(&error, "TEMPLATE_SYNTAX", |file| file.to_owned()));
        }
        manifests.push(PackManifest { path, text });
    }
    manifests
}
