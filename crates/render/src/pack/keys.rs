//! Keys of `values.yaml` that nothing reads: kept, and reported, since they are most often slips.

use serde_json::{Map, Value};
use strata_model::{
    diagnostic::Diagnostic,
    pack::{PackChart, PackManifest},
    value_path::ValuePath,
};

use super::{Findings, VALUES};
use strata_values::place::Places;

/// What may stand below `pack`.
const PACK_KEYS: [&str; 11] = [
    "namespace",
    "additionalNamespaces",
    "namespaceLabels",
    "namespaceAnnotations",
    "releaseNameOverride",
    "installPriority",
    "kubernetesVersion",
    "spectrocloud.com/install-priority",
    // For people, and for tools that gather images.
    "displayName",
    "spectrocloud.com/display-name",
    "content",
];

/// Notes each key below `pack`, `charts` and `manifests` that nothing reads.
pub(super) fn report(
    text: &str,
    values: &Map<String, Value>,
    charts: &[PackChart],
    manifests: &[PackManifest],
    findings: &mut Findings,
) {
    let places = Places::of(text);
    let mut check = |section: &str, known: &dyn Fn(&str) -> bool, what: &str, help: &str| {
        let keys = values.get(section).and_then(Value::as_object).into_iter().flat_map(Map::keys);
        for key in keys.filter(|key| !known(key)) {
            let path = ValuePath::of_keys([section, key.as_str()]);
            let problem = Diagnostic::new("PACK_UNKNOWN_KEY", format!("`{path}` {what}; it is kept"));
            findings.warning(places.locate(problem.in_file(VALUES).with_help(help), &path));
        }
    };
    check("pack", &|key| PACK_KEYS.contains(&key), "is not known", "remove it if it is a slip");
    let chart = |key: &str| charts.iter().any(|chart| chart.name == key);
    check("charts", &chart, "is no chart of the pack", "name the chart as its Chart.yaml does");
    let manifest = |key: &str| manifests.iter().any(|manifest| manifest.name() == key);
    check(
        "manifests",
        &manifest,
        "is no manifest of the pack",
        "name the file in manifests/, without its ending",
    );
}
