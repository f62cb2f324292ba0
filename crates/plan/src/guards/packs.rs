//! Packs: swaps under a running cluster, and what packs ask of each other.

use std::{cmp::Ordering, collections::BTreeMap};

use strata_model::{
    cluster::Infrastructure,
    finding::{Finding, FindingCode, Severity},
    pack::{ConstraintKind, PackConstraint},
    profile::LayerKind,
    version::Version,
};

use crate::{
    compose::ResolvedLayer,
    finding::{About as _, finding},
    plan::PlanInput,
};

pub(super) fn findings(input: &PlanInput<'_>) -> Vec<Finding> {
    let mut findings = swaps(input);
    for layer in input.layers {
        findings.extend(layer.pack.constraints.iter().filter_map(|constraint| {
            let Unmet { message, help, .. } = unmet(layer, constraint, input.layers)?;
            let told = finding(FindingCode::PackConstraint, Severity::Block, message, help);
            let path = format!("{}{}", constraint.pack_name, range(constraint));
            Some(told.layer(&layer.layer.name).path(path))
        }));
    }
    for former in input.applied.map(|applied| applied.layers).unwrap_or_default() {
        let Some(now) = input.layers.iter().find(|layer| layer.layer.name == former.layer.name) else {
            continue;
        };
        findings.extend(
            former.pack.constraints.iter().filter_map(|constraint| may_not_move(former, now, constraint)),
        );
    }
    findings
}

/// An infrastructure pack taken out from under a running cluster.
fn swaps(input: &PlanInput<'_>) -> Vec<Finding> {
    let Some(applied) = input.applied else { return Vec::new() };
    let edge = matches!(input.cluster.infrastructure, Infrastructure::Edge);
    let of_kind = |layers: &[ResolvedLayer<'_>]| {
        let mut packs: BTreeMap<LayerKind, Vec<String>> = BTreeMap::new();
        for layer in layers.iter().filter(|layer| layer.layer.kind.is_infrastructure()) {
            packs.entry(layer.layer.kind).or_default().push(layer.pack.name.clone());
        }
        packs
    };
    let (before, after) = (of_kind(applied.layers), of_kind(input.layers));
    let mut findings = Vec::new();
    for (kind, old) in &before {
        let new = after.get(kind).cloned().unwrap_or_default();
        if *old == new {
            continue;
        }
        let names = |packs: &[String]| if packs.is_empty() { "none".to_owned() } else { packs.join(", ") };
        let swap = format!("{} → {}", names(old), names(&new));
        let told = match kind {
            LayerKind::Cni if edge => finding(
                FindingCode::EdgeCniChange,
                Severity::Block,
                format!("the network pack of an edge cluster cannot change: {swap}"),
                "keep the pack, or make a new cluster",
            ),
            LayerKind::Cni | LayerKind::Csi => finding(
                FindingCode::InfrastructurePackSwap,
                Severity::Acknowledge,
                format!("the {kind} pack of a running cluster would be swapped: {swap}"),
                "acknowledge it, if workloads may lose network or storage meanwhile; else keep the pack",
            ),
            _ => finding(
                FindingCode::DistributionSwap,
                Severity::Acknowledge,
                format!("the {kind} distribution of a running cluster would be swapped: {swap}"),
                "acknowledge it, if that has been tried; else keep the pack",
            ),
        };
        findings.push(told.path(swap));
    }
    findings
}

/// A constraint that is not met.
pub(crate) struct Unmet {
    pub(crate) message: String,
    pub(crate) help: &'static str,
    /// Whether it is only that a pack is not there.
    pub(crate) missing: bool,
}

/// A constraint of a pack that the packs of these layers do not meet.
pub(crate) fn unmet(
    layer: &ResolvedLayer<'_>,
    constraint: &PackConstraint,
    layers: &[ResolvedLayer<'_>],
) -> Option<Unmet> {
    let others: Vec<&ResolvedLayer<'_>> = layers
        .iter()
        .filter(|other| other.pack.name == constraint.pack_name)
        .filter(|other| constraint.layer.is_none_or(|kind| other.layer.kind == kind))
        .collect();
    let in_range = |other: &&&ResolvedLayer<'_>| is_in_range(&other.pack.version, constraint);
    let wrong = match constraint.kind {
        ConstraintKind::Required if others.is_empty() => "it is not there".to_owned(),
        ConstraintKind::Required | ConstraintKind::Optional => {
            let outside = others.iter().find(|other| !in_range(other))?;
            format!("it is at {}", outside.pack.version)
        }
        ConstraintKind::NotSupported => {
            let there = others.iter().find(in_range)?;
            format!("it is there at {}", there.pack.version)
        }
        ConstraintKind::Upgrade => return None,
    };
    let asks = match constraint.kind {
        ConstraintKind::NotSupported => "cannot live beside",
        _ => "asks for",
    };
    let (pack, range) = (&constraint.pack_name, range(constraint));
    Some(Unmet {
        message: format!("pack {} {} {asks} {pack}{range}; {wrong}", layer.pack.name, layer.pack.version),
        help: "choose versions of the two packs that go together",
        missing: others.is_empty(),
    })
}

/// A pack that may move only to versions in a range.
fn may_not_move(
    former: &ResolvedLayer<'_>,
    now: &ResolvedLayer<'_>,
    constraint: &PackConstraint,
) -> Option<Finding> {
    let same = constraint.kind == ConstraintKind::Upgrade
        && constraint.pack_name == former.pack.name
        && now.pack.name == former.pack.name;
    if !same || now.pack.version == former.pack.version || is_in_range(&now.pack.version, constraint) {
        return None;
    }
    let range = range(constraint);
    Some(
        finding(
            FindingCode::PackConstraint,
            Severity::Block,
            format!(
                "pack {} {} may move only to versions{range}, not to {}",
                former.pack.name, former.pack.version, now.pack.version
            ),
            "go by way of a version in that range",
        )
        .layer(&now.layer.name)
        .path(format!("{}{range}", former.pack.name)),
    )
}

fn range(constraint: &PackConstraint) -> String {
    let bound = |bound: &Option<String>| bound.clone().filter(|text| !text.is_empty());
    match (bound(&constraint.min_version), bound(&constraint.max_version)) {
        (None, None) => String::new(),
        (Some(lowest), None) => format!(" from {lowest}"),
        (None, Some(highest)) => format!(" up to {highest}"),
        (Some(lowest), Some(highest)) => format!(" from {lowest} to {highest}"),
    }
}

fn is_in_range(version: &str, constraint: &PackConstraint) -> bool {
    let within = |bound: &Option<String>, wrong: Ordering| {
        bound.as_deref().filter(|text| !text.is_empty()).is_none_or(|bound| compare(version, bound) != wrong)
    };
    within(&constraint.min_version, Ordering::Less) && within(&constraint.max_version, Ordering::Greater)
}

/// By SemVer where both are; else number by number, as packs with two or four numbers do.
fn compare(a: &str, b: &str) -> Ordering {
    if let (Ok(a), Ok(b)) = (a.parse::<Version>(), b.parse::<Version>()) {
        return a.cmp(&b);
    }
    let numbers = |text: &str| -> Vec<u64> {
        text.trim_start_matches('v')
            .split(|c: char| !c.is_ascii_digit())
            .filter(|part| !part.is_empty())
            .map(|part| part.parse().unwrap_or(u64::MAX))
            .collect()
    };
    let (mut a, mut b) = (numbers(a), numbers(b));
    let length = a.len().max(b.len());
    a.resize(length, 0);
    b.resize(length, 0);
    a.cmp(&b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_packs_are_loose() {
        for (a, b, expected) in [
            ("1.10.0", "1.9.0", Ordering::Greater),
            ("1.2", "1.2.0", Ordering::Equal),
            ("1.2.3.4", "1.2.3", Ordering::Greater),
            ("1.0.0-rc.1", "1.0.0", Ordering::Less),
        ] {
            assert_eq!(compare(a, b), expected, "{a} {b}");
        }
    }
}
