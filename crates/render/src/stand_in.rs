//! A cluster that nobody ever reached, to render for: what an author sees before any real cluster runs it.
//!
//! *Idea.* No facts beyond a Kubernetes version and what it is said to serve, and generated values that are the same at every
//! call. Where infrastructure is rendered, the cluster is one of Cluster API, with one machine for its control plane and a
//! pool of two workers.

use std::{borrow::Borrow, collections::BTreeMap};

use strata_model::{
    Timestamp,
    cluster::Infrastructure,
    composition::{Attachment, Composition, ControlPlane, NodePool},
    diagnostic::Diagnostic,
    digest::Digest,
    fact::Facts,
    id::{ClusterId, InstallationId, ProfileId},
    macros::MacroName,
    pack::Pack,
    profile::{LayerName, ProfileContent, ProfileType, RevisionReference},
    render::Render,
    secret::{Fingerprint, SecretText},
    variable::VariableValue,
    version::KubernetesVersion,
};
use uuid::Uuid;

use crate::{
    ClusterIdentity, LayerSeed, RenderInput, chart::DefaultFacts, layers::resolve_layers,
    references::layer_macros, render, template::FactReader as _,
};

/// What is rendered for where nothing is said.
const KUBE_VERSION: &str = "1.33.0";

/// What is known of the cluster.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// The Kubernetes version where no layer says one; 1.33.0 where none is given.
    pub kube_version: Option<KubernetesVersion>,
    /// What the cluster serves beside what every cluster does: `group/version` or `group/version/Kind`.
    pub api_versions: Vec<String>,
    /// The cluster's own values of variables.
    pub variables: BTreeMap<String, VariableValue>,
    /// The macros that there are.
    pub macros: BTreeMap<MacroName, VariableValue>,
    /// The clear texts of sensitive variables and macros.
    pub secrets: BTreeMap<Fingerprint, SecretText>,
}

/// A profile on a cluster of its own.
#[derive(Debug)]
pub(crate) struct StandIn {
    cluster: ClusterIdentity,
    composition: Composition,
    contents: BTreeMap<RevisionReference, ProfileContent>,
    facts: Facts,
    seeds: BTreeMap<LayerName, LayerSeed>,
    secrets: BTreeMap<Fingerprint, SecretText>,
}

impl StandIn {
    /// Makes a cluster that runs this content.
    pub(crate) fn of<P: Borrow<Pack>>(
        content: &ProfileContent,
        packs: &BTreeMap<Digest, P>,
        given: &Given,
    ) -> Result<Self, Vec<Diagnostic>> {
        let revision = unpublished();
        let provisioned = content.layers.iter().any(|layer| layer.kind.is_infrastructure());
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
        let mut macros = BTreeMap::new();
        for layer in &content.layers {
            let Some(pack) = packs.get(&layer.pack.digest).map(Borrow::borrow) else { continue };
            // What cannot be read is told by the render.
            let named = layer_macros(layer, pack, &revision).unwrap_or_default();
            macros.extend(named.into_iter().map(|name| {
                let value = given.macros.get(&name).cloned();
                (name, value)
            }));
        }
        let composition = Composition {
            attachments: vec![Attachment {
                profile_id: ProfileId::new(Uuid::nil()),
                profile_type: if provisioned { ProfileType::Full } else { ProfileType::Addon },
                revision: revision.clone(),
                content_digest: content.digest(),
            }],
            variables: given.variables.clone(),
            macros,
            control_plane: provisioned.then(|| ControlPlane { replicas: 1, attributes: BTreeMap::new() }),
            node_pools: provisioned.then(workers).into_iter().collect(),
            ..Composition::default()
        };
        let version = match &given.kube_version {
            Some(version) => version.clone(),
            None => name(KUBE_VERSION)?,
        };
        let served = DefaultFacts::new().with_api_versions(&given.api_versions).api_versions();
        let seed = || LayerSeed { seed: [0; 32], instant: Timestamp::UNIX_EPOCH };
        Ok(Self {
            cluster: ClusterIdentity {
                id: ClusterId::new(Uuid::nil()),
                name: name("local")?,
                project: "default".to_owned(),
                installation: InstallationId::new(Uuid::nil()),
                infrastructure,
            },
            composition,
            facts: Facts {
                kubernetes_version: Some(version),
                api_versions: served.into_iter().collect(),
                cluster_name: "local".to_owned(),
                ..Facts::default()
            },
            seeds: content.layers.iter().map(|layer| (layer.name.clone(), seed())).collect(),
            secrets: given.secrets.clone(),
            contents: BTreeMap::from([(revision, content.clone())]),
        })
    }

    /// Does something with the input of a render for it.
    pub(crate) fn with_input<P: Borrow<Pack>, T>(
        &self,
        packs: &BTreeMap<Digest, P>,
        run: impl FnOnce(&RenderInput<'_>) -> Result<T, Vec<Diagnostic>>,
    ) -> Result<T, Vec<Diagnostic>> {
        let layers = resolve_layers(&self.composition, &self.contents, packs)?;
        run(&RenderInput {
            cluster: &self.cluster,
            composition: &self.composition,
            layers: &layers,
            secrets: &self.secrets,
            facts: &self.facts,
            seeds: &self.seeds,
        })
    }
}

/// Renders the content of a profile by itself. `packs` has the packs of its layers by digest.
///
/// # Errors
/// As [`crate::render`] and [`crate::resolve_layers`].
pub fn render_profile<P: Borrow<Pack>>(
    content: &ProfileContent,
    packs: &BTreeMap<Digest, P>,
    given: &Given,
) -> Result<Render, Vec<Diagnostic>> {
    StandIn::of(content, packs, given)?.with_input(packs, render)
}

/// Stands for the revision that some content will be: where one must be named and none is there yet.
///
/// # Panics
/// Never: its parts are constants that are names.
#[must_use]
pub fn unpublished() -> RevisionReference {
    RevisionReference {
        profile: "profile".parse().expect("a constant that is a name"),
        version: "0.0.0".parse().expect("a constant that is a version"),
        revision: 1,
    }
}

/// A name of our own.
pub(crate) fn name<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, Vec<Diagnostic>> {
    T::from_str(text).map_err(|error| vec![Diagnostic::new("INVALID_NAME", format!("`{text}`: {error}"))])
}
