//! What a render takes in.

use std::{collections::BTreeMap, fmt};

use strata_model::{
    Timestamp,
    cluster::Infrastructure,
    composition::Composition,
    fact::Facts,
    id::{ClusterId, InstallationId},
    profile::{ClusterName, LayerName},
    secret::{Fingerprint, SecretText},
};

use crate::layers::ResolvedLayer;

/// Which cluster is rendered for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterIdentity {
    /// Its id, part of the marks.
    pub id: ClusterId,
    /// Its name.
    pub name: ClusterName,
    /// The name of its project.
    pub project: String,
    /// The installation, part of the marks.
    pub installation: InstallationId,
    /// Who provides its machines.
    pub infrastructure: Infrastructure,
}

/// What generated values of one layer are derived from. Never printed.
#[derive(Clone)]
pub struct LayerSeed {
    /// Random, made once per cluster and layer.
    pub seed: [u8; 32],
    /// What counts as now.
    pub instant: Timestamp,
}

impl fmt::Debug for LayerSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LayerSeed").field("instant", &self.instant).finish_non_exhaustive()
    }
}

/// All that a render may depend on.
#[derive(Debug, Clone, Copy)]
pub struct RenderInput<'a> {
    /// The cluster.
    pub cluster: &'a ClusterIdentity,
    /// What it is to run.
    pub composition: &'a Composition,
    /// The composition's layers, from [`crate::resolve_layers`].
    pub layers: &'a [ResolvedLayer<'a>],
    /// The clear texts of sensitive variables and macros.
    pub secrets: &'a BTreeMap<Fingerprint, SecretText>,
    /// What is known of the living cluster.
    pub facts: &'a Facts,
    /// One for each layer that renders objects.
    pub seeds: &'a BTreeMap<LayerName, LayerSeed>,
}
