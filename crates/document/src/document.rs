//! A profile version as people keep it.

use strata_model::{
    digest::Digest,
    profile::{
        AttachedManifest, ConflictPolicy, ImmutablePolicy, Layer, LayerKind, OrphanPolicy, PresetChoice,
        ProfileContent, ProfileType,
    },
    variable::VariableDefinition,
};

/// A profile version as people keep it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfileDocument {
    /// The profile's name; none in a text that holds content only.
    pub name: Option<String>,
    /// What it covers.
    pub profile_type: Option<ProfileType>,
    /// The version.
    pub version: Option<String>,
    /// In order.
    pub layers: Vec<DocumentLayer>,
    /// What a cluster may or must set.
    pub variables: Vec<VariableDefinition>,
    /// The macros that its values name: for people, and never read back.
    pub macros: Vec<String>,
}

/// One layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentLayer {
    /// Unique over all profiles of a cluster.
    pub name: String,
    /// What it is; that of the pack when left out.
    pub kind: Option<LayerKind>,
    /// Which pack.
    pub pack: DocumentPack,
    /// The profile's own values, as their author wrote them.
    pub values: String,
    /// Chosen presets.
    pub presets: Vec<PresetChoice>,
    /// Manifests of the profile's own.
    pub manifests: Vec<AttachedManifest>,
    /// Overrides the pack's install priority.
    pub install_priority: Option<i32>,
    /// Overrides the pack's namespace.
    pub namespace: Option<String>,
    /// When another manager holds a field.
    pub on_conflict: ConflictPolicy,
    /// When a change cannot be made in place.
    pub on_immutable: ImmutablePolicy,
    /// When an object is no longer rendered.
    pub orphan_policy: OrphanPolicy,
}

/// A pack by name and version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentPack {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The digest of its content: another content under the same version is not it.
    pub digest: Option<Digest>,
}

impl ProfileDocument {
    /// The document of some content.
    #[must_use]
    pub fn of(
        name: &str,
        profile_type: ProfileType,
        version: &str,
        content: &ProfileContent,
        macros: Vec<String>,
    ) -> Self {
        Self {
            name: Some(name.to_owned()),
            profile_type: Some(profile_type),
            version: Some(version.to_owned()),
            layers: content.layers.iter().map(DocumentLayer::from).collect(),
            variables: content.variables.clone(),
            macros,
        }
    }
}

impl From<&Layer> for DocumentLayer {
    fn from(layer: &Layer) -> Self {
        Self {
            name: layer.name.to_string(),
            kind: Some(layer.kind),
            pack: DocumentPack {
                name: layer.pack.name.clone(),
                version: layer.pack.version.clone(),
                digest: Some(layer.pack.digest.clone()),
            },
            values: layer.values.clone(),
            presets: layer.presets.clone(),
            manifests: layer.manifests.clone(),
            install_priority: layer.install_priority,
            namespace: layer.namespace.clone(),
            on_conflict: layer.on_conflict,
            on_immutable: layer.on_immutable,
            orphan_policy: layer.orphan_policy,
        }
    }
}
