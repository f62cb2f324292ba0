//! The templated manifests of a pack, in the order in which they render.

use strata_model::pack::{PackFiles, PackManifest};

use super::{Findings, listed::Listing, text_of};
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
    let (partials, whole): (Vec<&str>, Vec<&str>) =
        present.iter().map(|path| path.as_str()).partition(|path| is_partial(path));
    let listing = Listing {
        key: "kubeManifests",
        folder: FOLDER,
        not_listed: "MANIFEST_NOT_LISTED",
        noun: "manifest",
        present: whole,
    };
    let mut order: Vec<String> = partials.into_iter().map(str::to_owned).collect();
    order.extend(listing.in_order(listed, findings));
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
