//! Macros: a composition takes those that its values name, as they are when it is made.
//!
//! A cluster therefore goes on running with the values that it was brought to. A macro that moves shows as a finding of
//! the next plan, and until then as a pending update.

use std::collections::{BTreeMap, BTreeSet};

use strata_model::{
    composition::Composition,
    error::Refusal,
    finding::{Finding, FindingCode, Severity},
    macros::MacroName,
    overrides::{LayerOverride, OverrideSource},
    variable::VariableValue,
};
use strata_render::{macros_named, manifest_macros, mentions_macros};
use strata_values::apply;

use super::{ResolvedLayer, overrides::base_of};

/// What became of all macros.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) values: BTreeMap<MacroName, Option<VariableValue>>,
    pub(super) findings: Vec<Finding>,
}

/// The macros of the composition that is wanted, and what there is to say about them.
pub(super) fn take(
    before: &Composition,
    overrides: &[OverrideSource],
    layers: &[ResolvedLayer<'_>],
    macros: &BTreeMap<MacroName, VariableValue>,
) -> Result<Taken, Vec<Refusal>> {
    let mut named = BTreeSet::new();
    for layer in layers {
        let own: Vec<&LayerOverride> = overrides
            .iter()
            .flat_map(OverrideSource::layers)
            .filter(|own| own.layer == layer.layer.name)
            .collect();
        named.extend(manifest_macros(layer.layer));
        named.extend(named_by(layer, &own).map_err(|refusal| vec![refusal])?);
    }
    let taken: BTreeMap<_, _> = named
        .into_iter()
        .map(|name| {
            let value = macros.get(&name).cloned();
            (name, value)
        })
        .collect();
    let findings = taken.iter().filter_map(|(name, value)| {
        let happened = match (before.macros.get(name)?, value) {
            (former, value) if former == value => return None,
            (_, None) => "is gone; the cluster runs with the value that it had",
            (None, Some(_)) => "was defined since the cluster was brought to what it runs",
            (Some(_), Some(_)) => "has another value than the cluster runs with",
        };
        Some(Finding {
            code: FindingCode::MacroChanged,
            severity: Severity::Info,
            message: format!("the macro `{name}` {happened}"),
            help: "look at what it changes; this plan takes it along".to_owned(),
            layer: None,
            object: None,
            path: Some(name.to_string()),
        })
    });
    let findings = findings.collect();
    Ok(Taken { values: taken, findings })
}

/// The macros that the values of one layer name, overrides included.
fn named_by(layer: &ResolvedLayer<'_>, own: &[&LayerOverride]) -> Result<BTreeSet<MacroName>, Refusal> {
    let patches: Vec<serde_json::Value> =
        own.iter().map(|own| serde_json::to_value(&own.patch).unwrap_or_default()).collect();
    if !mentions_macros(layer.layer, layer.pack) && patches.iter().all(|patch| macros_named(patch).is_empty())
    {
        return Ok(BTreeSet::new());
    }
    let mut value = base_of(layer)?.value;
    let mut named = BTreeSet::new();
    for (own, patch) in own.iter().zip(&patches) {
        match apply(&own.patch, &value) {
            Ok(patched) => value = patched,
            // The render says what does not fit; until then all counts that it may name.
            Err(_) => named.extend(macros_named(patch)),
        }
    }
    named.extend(macros_named(&value));
    Ok(named)
}
