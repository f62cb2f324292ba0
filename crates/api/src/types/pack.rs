//! Packs.

use async_graphql::{Description, ID, Object, SimpleObject};
use strata_engine::{PackRecord, PageOf};
use strata_model::pack;

use super::{
    connection::{Total, connection, nodes},
    global_id,
    scalar::{DateTime, DigestText},
    state::LayerKind,
};

connection! { PackConnection, PackEdge of Pack; }

/// One version of a pack: an immutable unit of content for one layer.
#[derive(Debug, Clone, Description)]
pub struct Pack {
    record: PackRecord,
}

impl Pack {
    /// Shows a stored pack.
    pub fn new(record: PackRecord) -> Self {
        Self { record }
    }

    fn pack(&self) -> &pack::Pack {
        &self.record.pack
    }
}

#[Object(use_type_description)]
impl Pack {
    /// The global id.
    pub async fn id(&self) -> ID {
        global_id::encode("pack", self.record.id.uuid())
    }

    /// Its name.
    async fn name(&self) -> &str {
        &self.pack().name
    }

    /// Its name for people.
    async fn display_name(&self) -> &str {
        &self.pack().display_name
    }

    /// Its version, as its author wrote it.
    async fn version(&self) -> &str {
        &self.pack().version
    }

    /// The kind of layer that it is for.
    async fn layer(&self) -> LayerKind {
        self.pack().layer.into()
    }

    /// The digest of its content.
    async fn digest(&self) -> DigestText {
        (&self.record.digest).into()
    }

    /// The clouds that it is for; empty for all.
    async fn cloud_types(&self) -> &[String] {
        &self.pack().cloud_types
    }

    /// Its default values, as its author wrote them.
    #[graphql(complexity = 10)]
    async fn values(&self) -> &str {
        &self.pack().values
    }

    /// The schema of its values, as its author wrote it.
    #[graphql(complexity = 10)]
    async fn schema(&self) -> Option<&str> {
        self.pack().schema.as_deref()
    }

    /// The presets that a layer can choose from.
    async fn presets(&self) -> Vec<Preset> {
        self.pack().presets.iter().map(Preset::from).collect()
    }

    /// What it asks of other packs.
    async fn constraints(&self) -> Vec<PackConstraint> {
        self.pack().constraints.iter().map(PackConstraint::from).collect()
    }

    /// The paths of its templates and charts.
    async fn manifests(&self) -> Vec<&str> {
        self.pack().manifests.iter().map(|manifest| manifest.path.as_str()).collect()
    }

    /// When it was published here.
    async fn created_at(&self) -> DateTime {
        self.record.created_at.into()
    }
}

/// A preset of a pack: values that a layer chooses by name.
#[derive(Debug, Clone, SimpleObject)]
pub struct Preset {
    /// Its group: a layer chooses at most one of each.
    pub group: String,
    /// Its name.
    pub name: String,
    /// Its name for people.
    pub display_name: String,
    /// The paths that it takes out of the pack's values.
    pub remove: Vec<String>,
    /// The values that it adds.
    pub add: String,
}

impl From<&pack::Preset> for Preset {
    fn from(preset: &pack::Preset) -> Self {
        let pack::Preset { name, display_name, group, remove, add } = preset.clone();
        Self { group, name, display_name, remove, add }
    }
}

/// What a pack asks of another one.
#[derive(Debug, Clone, SimpleObject)]
pub struct PackConstraint {
    /// The other pack's name.
    pub pack_name: String,
    /// The kind of layer that it stands in.
    pub layer: Option<LayerKind>,
    /// Its lowest version.
    pub min_version: Option<String>,
    /// Its highest version.
    pub max_version: Option<String>,
    /// `REQUIRED`, `OPTIONAL`, `NOT_SUPPORTED` or `UPGRADE`.
    #[graphql(name = "type")]
    pub kind: String,
}

impl From<&pack::PackConstraint> for PackConstraint {
    fn from(constraint: &pack::PackConstraint) -> Self {
        use pack::ConstraintKind::{NotSupported, Optional, Required, Upgrade};
        Self {
            pack_name: constraint.pack_name.clone(),
            layer: constraint.layer.map(LayerKind::from),
            min_version: constraint.min_version.clone(),
            max_version: constraint.max_version.clone(),
            kind: match constraint.kind {
                Required => "REQUIRED",
                Optional => "OPTIONAL",
                NotSupported => "NOT_SUPPORTED",
                Upgrade => "UPGRADE",
            }
            .to_owned(),
        }
    }
}

/// A page of packs.
pub fn page(page: PageOf<PackRecord>, total: Total) -> PackConnection {
    PackConnection::new(nodes(page, Pack::new), total)
}
