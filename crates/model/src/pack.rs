//! Packs: a versioned, immutable unit of content for one layer.
//!
//! The folder format is Palette's (`pack.json`, `values.yaml`, `presets.yaml`, `schema.yaml`, `manifests/*.yaml`, and Helm
//! charts in `charts/`); reading it is the work of `strata-render`, storing it that of `strata-store`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{digest::Digest, profile::LayerKind, version::Version};

/// The bytes of a pack as they came from a registry: path inside the pack → text or bytes.
pub type PackFiles = BTreeMap<String, Vec<u8>>;

/// The file that makes files a pack.
pub const PACK_FILE: &str = "pack.json";
/// The file that makes files a Helm chart.
pub const CHART_FILE: &str = "Chart.yaml";

/// What files hold that may become a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentKind {
    /// A pack: there is a `pack.json`.
    Pack,
    /// A Helm chart: there is a `Chart.yaml`.
    Chart,
    /// Manifests of Kubernetes: texts in YAML or JSON, and none of the above.
    Manifests,
}

impl ContentKind {
    /// What the files hold; none when there is nothing to render in them.
    #[must_use]
    pub fn of(files: &PackFiles) -> Option<Self> {
        if files.contains_key(PACK_FILE) {
            Some(Self::Pack)
        } else if files.contains_key(CHART_FILE) {
            Some(Self::Chart)
        } else {
            files.keys().any(|path| is_manifest(path)).then_some(Self::Manifests)
        }
    }
}

/// Whether a file of this name may be a manifest.
#[must_use]
pub fn is_manifest(path: &str) -> bool {
    [".yaml", ".yml", ".json"].iter().any(|ending| path.ends_with(ending))
}

/// Which pack: the name, version and content that a layer is pinned to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PackReference {
    /// The pack's name.
    pub name: String,
    /// Its version (packs follow SemVer loosely; the text is kept).
    pub version: String,
    /// The digest of its content.
    pub digest: Digest,
}

/// A pack in parsed form. Serialised canonically for its digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pack {
    /// `name` of `pack.json`.
    pub name: String,
    /// `displayName` of `pack.json`.
    pub display_name: String,
    /// `version` of `pack.json`.
    pub version: String,
    /// `layer` of `pack.json`.
    pub layer: LayerKind,
    /// `cloudTypes` of `pack.json`.
    #[serde(default)]
    pub cloud_types: Vec<String>,
    /// Constraints on other packs.
    #[serde(default)]
    pub constraints: Vec<PackConstraint>,
    /// What it asks of machines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<PackResource>,
    /// `eol` of `pack.json`: when its support ends, as its author wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_of_life: Option<String>,
    /// `annotations` of `pack.json`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// `values.yaml` as its author wrote it.
    pub values: String,
    /// Choices that rewrite the values.
    #[serde(default)]
    pub presets: Vec<Preset>,
    /// `schema.yaml` as its author wrote it, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Templated manifests, in the order in which they render.
    #[serde(default)]
    pub manifests: Vec<PackManifest>,
    /// Helm charts, in the order in which they render.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub charts: Vec<PackChart>,
    /// Keys of `pack.json` that Strata does not know; kept and reported.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub unknown: serde_json::Map<String, serde_json::Value>,
}

impl Pack {
    /// The version as SemVer, if it is one.
    #[must_use]
    pub fn semver(&self) -> Option<Version> {
        self.version.parse().ok()
    }

    /// The digest that layers pin it by.
    #[must_use]
    pub fn digest(&self) -> Digest {
        // Serialising plain data with string keys cannot fail.
        Digest::of_document(&serde_json::to_value(self).unwrap_or_default())
    }
}

/// One templated manifest of a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackManifest {
    /// The file's path inside the pack, e.g. `manifests/app.yaml`.
    pub path: String,
    /// The template's text.
    pub text: String,
}

impl PackManifest {
    /// The name that `values.yaml` knows it by under `manifests:` — the file name without ending.
    #[must_use]
    pub fn name(&self) -> &str {
        let file = self.path.rsplit('/').next().unwrap_or(&self.path);
        file.strip_suffix(".yaml").or_else(|| file.strip_suffix(".yml")).unwrap_or(file)
    }
}

/// One Helm chart of a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackChart {
    /// The name that the chart gives itself, and that `values.yaml` knows it by under `charts:`.
    pub name: String,
    /// The archive's path inside the pack, e.g. `charts/web-1.2.3.tgz`.
    pub path: String,
    /// The archive as it came.
    #[serde(with = "archive")]
    pub archive: Vec<u8>,
}

/// Bytes as text in documents.
mod archive {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// A named choice of a pack: choosing it removes paths from the values and merges others in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Preset {
    /// The name inside its group.
    pub name: String,
    /// What people see.
    pub display_name: String,
    /// At most one preset of a group is chosen.
    pub group: String,
    /// Dotted paths taken out of the values.
    #[serde(default)]
    pub remove: Vec<String>,
    /// YAML text merged into the values.
    #[serde(default)]
    pub add: String,
}

/// How a pack relates to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ConstraintKind {
    /// The other pack must be there, in range.
    Required,
    /// If the other pack is there, it must be in range.
    Optional,
    /// The other pack must not be there (in range).
    NotSupported,
    /// This pack may move only to versions in range.
    Upgrade,
}

/// One entry of `constraints.dependencies`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackConstraint {
    /// The other pack.
    pub pack_name: String,
    /// Its layer, if it matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<LayerKind>,
    /// Lowest version allowed; none = unbounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_version: Option<String>,
    /// Highest version allowed; none = unbounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_version: Option<String>,
    /// How it relates.
    #[serde(rename = "type")]
    pub kind: ConstraintKind,
}

/// What a pack asks of the machines it runs on: one entry of `constraints.resources`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackResource {
    /// Of what.
    #[serde(rename = "type")]
    pub kind: ResourceKind,
    /// The least, as its author wrote it (`500m`, `2Gi`, `10GB`); it does not count where there are components.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_limit: Option<String>,
    /// Parts of the pack that ask for it, each by its values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<ResourceComponent>,
}

/// What machines have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ResourceKind {
    /// Processor cores.
    Cpu,
    /// Memory.
    Memory,
    /// Disk.
    DiskSize,
}

/// A part of a pack that asks for a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceComponent {
    /// On which machines it runs.
    pub schedule_type: ScheduleType,
    /// The dotted path of its request in the pack's values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_request_param_ref: Option<String>,
    /// The dotted path of its number of replicas in the pack's values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica_count_param_ref: Option<String>,
}

/// Which machines a part of a pack runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ScheduleType {
    /// Each machine.
    All,
    /// Those of the control plane.
    Master,
    /// Workers.
    Worker,
}
