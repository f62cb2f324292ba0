//! Packs out of what is none: a Helm chart, plain manifests.
//!
//! *Guarantees.* A chart goes in as it is, and its values are left to it: what is rendered is what Helm renders. Manifests
//! go in as they are, even where they hold what a template would take for its own. The same files give the same pack.

use std::collections::BTreeMap;

use serde_json::json;
use strata_model::{
    diagnostic::Diagnostic,
    pack::{ContentKind, PACK_FILE, PackFiles, is_manifest},
};

use super::{Findings, VALUES, text_of};
use crate::{
    chart::{ChartType, Packaged, package},
    objects,
};

/// What a pack is called that does not say it itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Adopted {
    /// Its name; a chart has one.
    pub name: Option<String>,
    /// Its version; a chart has one.
    pub version: Option<String>,
}

/// Files that a `kustomization.yaml` makes something else than manifests.
const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The files of a pack: as they are when they are one, else a pack that renders the chart or the manifests that they are.
///
/// # Errors
/// `PACK_FILE_MISSING` when there is nothing to render, `PACK_FIELD_MISSING` when name or version are wanted,
/// `PACK_FIELD_INVALID` when a pack has a name already, `MANIFESTS_NOT_PLAIN` for a kustomization; those of
/// [`crate::chart::package`], and `OBJECT_INVALID` and `SECRET_DATA_NOT_BASE64` for manifests.
pub fn adopt(files: PackFiles, said: &Adopted) -> Result<PackFiles, Vec<Diagnostic>> {
    match ContentKind::of(&files) {
        Some(ContentKind::Pack) if *said == Adopted::default() => Ok(files),
        Some(ContentKind::Pack) => {
            let problem = Diagnostic::new("PACK_FIELD_INVALID", "the pack has a name and a version already");
            Err(vec![problem.in_file(PACK_FILE).with_help("leave them out, or change pack.json")])
        }
        Some(ContentKind::Chart) => chart(&files, said),
        Some(ContentKind::Manifests) => manifests(&files, said),
        None => {
            let problem = Diagnostic::new(
                "PACK_FILE_MISSING",
                "there is nothing to render: no pack, chart or manifest",
            );
            Err(vec![problem.with_help("a pack has a pack.json at its root, a Helm chart a Chart.yaml")])
        }
    }
}

fn chart(files: &PackFiles, said: &Adopted) -> Result<PackFiles, Vec<Diagnostic>> {
    let Packaged { chart, archive } = package(files)?;
    let metadata = &chart.metadata;
    if metadata.kind == ChartType::Library {
        let problem = Diagnostic::new("CHART_IS_LIBRARY", "a library chart renders nothing by itself");
        return Err(vec![problem.with_help("publish the charts that use it; they hold it themselves")]);
    }
    // Charts may write `v1.2.3`, packs may not.
    let version = metadata.version.strip_prefix('v').unwrap_or(&metadata.version);
    let version = said.version.as_deref().unwrap_or(version);
    let name = said.name.as_deref().unwrap_or(&metadata.name);
    let mut values =
        "# What stands here goes over the chart's own values, which are repeated below.\n".to_owned();
    values.push_str(&strata_values::emit(&json!({ "charts": { (metadata.name.clone()): {} } })));
    if let Some(own) = files.get("values.yaml").and_then(|bytes| std::str::from_utf8(bytes).ok()) {
        values.push('\n');
        // A return alone ends a line in YAML, too.
        let own = own.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
        for line in own.lines() {
            values.push_str(if line.is_empty() { "#" } else { "# " });
            values.push_str(line);
            values.push('\n');
        }
    }
    let path = format!("charts/{}-{}.tgz", metadata.name, metadata.version);
    let description = description(name, version, "chart");
    Ok(PackFiles::from([
        (PACK_FILE.to_owned(), description),
        (VALUES.to_owned(), values.into_bytes()),
        (path, archive),
    ]))
}

fn manifests(files: &PackFiles, said: &Adopted) -> Result<PackFiles, Vec<Diagnostic>> {
    let mut findings = Findings::default();
    let mut want = |said: &Option<String>, what: &str| {
        if said.is_none() {
            let problem =
                Diagnostic::new("PACK_FIELD_MISSING", format!("plain manifests do not say their {what}"));
            findings.error(problem.with_help(format!("give the {what} of the pack with them")));
        }
        said.clone().unwrap_or_default()
    };
    let (name, version) = (want(&said.name, "name"), want(&said.version, "version"));
    if let Some(path) =
        files.keys().find(|path| KUSTOMIZATIONS.contains(&path.rsplit('/').next().unwrap_or(path)))
    {
        let problem = Diagnostic::new("MANIFESTS_NOT_PLAIN", "this is a kustomization, not plain manifests");
        findings.error(problem.in_file(path.as_str()).with_help("give what `kustomize build` writes"));
        return Err(findings.errors);
    }
    let mut pack = BTreeMap::from([
        (PACK_FILE.to_owned(), description(&name, &version, "manifests")),
        (VALUES.to_owned(), Vec::new()),
    ]);
    for path in files.keys().filter(|path| is_manifest(path)) {
        let Some(text) = text_of(files, path, &mut findings) else { continue };
        if let Err(problems) = objects::read(&text, path, path) {
            findings.errors.extend(problems);
        }
        pack.insert(place(path, &pack), text.replace("{{", "{{ \"{{\" }}").into_bytes());
    }
    if findings.errors.is_empty() { Ok(pack) } else { Err(findings.errors) }
}

/// Where a manifest lies in the pack: a name that is rendered, and that no other has.
fn place(path: &str, taken: &PackFiles) -> String {
    let (folder, file) = path.rsplit_once('/').map_or(("", path), |(folder, file)| (folder, file));
    // What begins with `_` defines templates for others.
    let file = file.trim_start_matches('_');
    let file = if file.ends_with(".json") { format!("{file}.yaml") } else { file.to_owned() };
    let folder = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let mut place = format!("manifests/{folder}{file}");
    while taken.contains_key(&place) {
        place.insert(place.len() - file.len(), 'x');
    }
    place
}

fn description(name: &str, version: &str, from: &str) -> Vec<u8> {
    let description = json!({
        "name": name, "displayName": name, "version": version, "layer": "addon",
        "annotations": {"strata.dev/made-from": from},
    });
    format!("{description:#}\n").into_bytes()
}
