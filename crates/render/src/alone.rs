//! A pack rendered by itself: the only layer of a stand-in for a cluster.
//!
//! What an author wants to see, and what a report at publishing is made of.

use std::{collections::BTreeMap, rc::Rc};

use strata_model::{
    cluster::Infrastructure,
    diagnostic::Diagnostic,
    pack::{Pack, PackReference},
    profile::{
        ConflictPolicy, ImmutablePolicy, Layer, LayerName, OrphanPolicy, PresetChoice, ProfileContent,
    },
    render::Render,
    version::KubernetesVersion,
};

use crate::{
    RenderInput,
    capabilities::Capabilities,
    definitions::Definitions,
    layer_values::prepare,
    pack_charts,
    pack_charts::PackRelease,
    render,
    render::{Written, written},
    stand_in::{Given, StandIn, name},
};

/// What a pack is rendered with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alone {
    /// The layer's own values, as text.
    pub values: String,
    /// The presets that are chosen.
    pub presets: Vec<PresetChoice>,
    /// The namespace; else what the values say.
    pub namespace: Option<String>,
    /// The Kubernetes version; 1.33.0 where none is given.
    pub kube_version: Option<KubernetesVersion>,
    /// What the cluster serves beside what every cluster does: `group/version` or `group/version/Kind`.
    pub api_versions: Vec<String>,
}

/// Renders a pack by itself.
///
/// # Errors
/// As [`crate::render`] and [`resolve_layers`].
pub fn render_alone(pack: Pack, alone: &Alone) -> Result<Render, Vec<Diagnostic>> {
    with_input(pack, alone, render)
}

/// What the templates of a pack write by themselves, with nothing done to it.
///
/// # Errors
/// As [`render_alone`].
pub fn written_alone(pack: Pack, alone: &Alone) -> Result<Written, Vec<Diagnostic>> {
    with_input(pack, alone, written)
}

/// The releases that the charts of a pack become by themselves, in the order of its charts.
///
/// # Errors
/// Those of values and settings, as [`crate::render`].
pub fn releases_alone(pack: Pack, alone: &Alone) -> Result<Vec<PackRelease>, Vec<Diagnostic>> {
    with_input(pack, alone, |input| {
        let capabilities = Rc::new(Capabilities::new(input.facts.clone(), Definitions::default()));
        let made = matches!(input.cluster.infrastructure, Infrastructure::ClusterApi { .. });
        let prepared = prepare(input, &capabilities, made);
        if !prepared.problems.is_empty() {
            return Err(prepared.problems);
        }
        Ok(prepared.layers.iter().flat_map(pack_charts::releases).collect())
    })
}

/// Makes a cluster of one layer.
fn with_input<T>(
    pack: Pack,
    alone: &Alone,
    run: impl FnOnce(&RenderInput<'_>) -> Result<T, Vec<Diagnostic>>,
) -> Result<T, Vec<Diagnostic>> {
    let layer = Layer {
        name: name::<LayerName>("pack")?,
        kind: pack.layer,
        pack: PackReference { name: pack.name.clone(), version: pack.version.clone(), digest: pack.digest() },
        values: alone.values.clone(),
        presets: alone.presets.clone(),
        manifests: Vec::new(),
        install_priority: None,
        namespace: alone.namespace.clone(),
        on_conflict: ConflictPolicy::default(),
        on_immutable: ImmutablePolicy::default(),
        orphan_policy: OrphanPolicy::default(),
    };
    let packs = BTreeMap::from([(layer.pack.digest.clone(), pack)]);
    let content = ProfileContent { layers: vec![layer], variables: Vec::new() };
    let given = Given {
        kube_version: alone.kube_version.clone(),
        api_versions: alone.api_versions.clone(),
        ..Given::default()
    };
    StandIn::of(&content, &packs, &given)?.with_input(&packs, run)
}

/// What will surely fail, or cannot be rendered at all without more values: all problems of a render with the pack's own
/// values. Never a reason to refuse the pack: another layer's values may be what it needs.
#[must_use]
pub fn report(pack: &Pack) -> Vec<Diagnostic> {
    match render_alone(pack.clone(), &Alone::default()) {
        Ok(_) => Vec::new(),
        Err(problems) => problems,
    }
}
