//! A pack rendered by itself: the only layer of a cluster that nobody ever reached.
//!
//! *Idea.* What an author wants to see, and what a report at publishing is made of: no facts beyond a Kubernetes version and
//! what it is said to serve, no variables, and generated values that are the same at every call. For a pack of an
//! infrastructure layer the cluster is one of Cluster API, with one machine for its control plane and a pool of two workers.

use std::{collections::BTreeMap, rc::Rc};

use strata_model::{
    Timestamp,
    cluster::Infrastructure,
    composition::{Attachment, Composition, ControlPlane, NodePool},
    diagnostic::Diagnostic,
    fact::Facts,
    id::{ClusterId, InstallationId, ProfileId},
    pack::{Pack, PackReference},
    profile::{
        ConflictPolicy, ImmutablePolicy, Layer, LayerName, OrphanPolicy, PresetChoice, ProfileContent,
        ProfileType, RevisionReference,
    },
    render::Render,
    version::KubernetesVersion,
};
use uuid::Uuid;

use crate::{
    ClusterIdentity, LayerSeed, RenderInput,
    capabilities::Capabilities,
    chart::DefaultFacts,
    definitions::Definitions,
    layer_values::prepare,
    pack_charts,
    pack_charts::PackRelease,
    render,
    render::{Written, written},
    resolve_layers,
    template::FactReader as _,
};

/// What packs are rendered for where nothing is said.
const KUBE_VERSION: &str = "1.33.0";

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
        let (prepared, _) = prepare(input, &capabilities, made)?;
        Ok(prepared.iter().flat_map(pack_charts::releases).collect())
    })
}

/// Makes a cluster of one layer.
fn with_input<T>(
    pack: Pack,
    alone: &Alone,
    run: impl FnOnce(&RenderInput<'_>) -> Result<T, Vec<Diagnostic>>,
) -> Result<T, Vec<Diagnostic>> {
    let layer_name = name::<LayerName>("pack")?;
    let layer = Layer {
        name: layer_name.clone(),
        kind: pack.layer,
        pack: PackReference { name: pack.name.clone(), version: pack.version.clone(), digest: pack.digest() },
        values: alone.values.clone(),
        presets: alone.presets.clone(),
        install_priority: None,
        namespace: alone.namespace.clone(),
        on_conflict: ConflictPolicy::default(),
        on_immutable: ImmutablePolicy::default(),
        orphan_policy: OrphanPolicy::default(),
    };
    let provisioned = layer.kind.is_infrastructure();
    let packs = BTreeMap::from([(layer.pack.digest.clone(), pack)]);
    let content = ProfileContent { layers: vec![layer], variables: Vec::new() };
    let revision = RevisionReference { profile: name("pack")?, version: name("0.0.0")?, revision: 1 };
    let infrastructure = if provisioned {
        Infrastructure::ClusterApi {
            management_cluster: ClusterId::new(Uuid::nil()),
            namespace: "default".to_owned(),
            name: "local".to_owned(),
        }
    } else {
        Infrastructure::None
    };
    let workers = || NodePool { name: "workers".to_owned(), replicas: 2, attributes: BTreeMap::new() };
    let composition = Composition {
        control_plane: provisioned.then(|| ControlPlane { replicas: 1, attributes: BTreeMap::new() }),
        node_pools: provisioned.then(workers).into_iter().collect(),
        attachments: vec![Attachment {
            profile_id: ProfileId::new(Uuid::nil()),
            profile_type: if provisioned { ProfileType::Infra } else { ProfileType::Addon },
            revision: revision.clone(),
            content_digest: content.digest(),
        }],
        ..Composition::default()
    };
    let contents = BTreeMap::from([(revision, content)]);
    let layers = resolve_layers(&composition, &contents, &packs)?;
    let cluster = ClusterIdentity {
        id: ClusterId::new(Uuid::nil()),
        name: name("local")?,
        project: "default".to_owned(),
        installation: InstallationId::new(Uuid::nil()),
        infrastructure,
    };
    let version = match &alone.kube_version {
        Some(version) => version.clone(),
        None => name(KUBE_VERSION)?,
    };
    let served = DefaultFacts::new().with_api_versions(&alone.api_versions).api_versions();
    let facts = Facts {
        kubernetes_version: Some(version),
        api_versions: served.into_iter().collect(),
        cluster_name: "local".to_owned(),
        ..Facts::default()
    };
    let seeds = BTreeMap::from([(layer_name, LayerSeed { seed: [0; 32], instant: Timestamp::UNIX_EPOCH })]);
    let secrets = BTreeMap::new();
    run(&RenderInput {
        cluster: &cluster,
        composition: &composition,
        layers: &layers,
        secrets: &secrets,
        facts: &facts,
        seeds: &seeds,
    })
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

/// A name of our own.
fn name<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, Vec<Diagnostic>> {
    T::from_str(text).map_err(|error| vec![Diagnostic::new("INVALID_NAME", format!("`{text}`: {error}"))])
}
