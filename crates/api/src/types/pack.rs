//! Packs.

use async_graphql::{Description, ID, Object, SimpleObject};
use strata_engine::{PackRecord, PageOf, Session};
use strata_model::pack;

use super::{
    connection::{Total, connection, nodes},
    global_id,
    macros::ProfileUse,
    scalar::{DateTime, DigestText, KeyValue, key_values},
    state::LayerKind,
};
use crate::error::answer;

connection! { PackConnection, PackEdge of Pack; }

/// One version of a pack: an immutable unit of content for one layer.
#[derive(Debug, Clone, Description)]
pub struct Pack {
    session: Session,
    record: PackRecord,
}

impl Pack {
    /// Shows a stored pack.
    pub fn new(session: Session, record: PackRecord) -> Self {
        Self { session, record }
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

    /// What it asks of machines; kept, and not checked.
    async fn resources(&self) -> Vec<PackResource> {
        self.pack().resources.iter().map(PackResource::from).collect()
    }

    /// When its support ends, as its author wrote it.
    async fn end_of_life(&self) -> Option<&str> {
        self.pack().end_of_life.as_deref()
    }

    /// What its author noted about it.
    async fn annotations(&self) -> Vec<KeyValue> {
        key_values(&self.pack().annotations)
    }

    /// The paths of its templated manifests.
    async fn manifests(&self) -> Vec<&str> {
        self.pack().manifests.iter().map(|manifest| manifest.path.as_str()).collect()
    }

    /// The names of its Helm charts.
    async fn charts(&self) -> Vec<&str> {
        self.pack().charts.iter().map(|chart| chart.name.as_str()).collect()
    }

    /// The drafts and revisions that have a layer of it, at most 100.
    #[graphql(complexity = "5 + child_complexity")]
    async fn used_by(&self) -> async_graphql::Result<Vec<ProfileUse>> {
        let users = self.session.profiles_using_pack(&self.pack().name, &self.pack().version);
        Ok(users.await.map_err(answer)?.into_iter().map(ProfileUse::from).collect())
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

/// What a pack asks of machines.
#[derive(Debug, Clone, SimpleObject)]
pub struct PackResource {
    /// `CPU`, `MEMORY` or `DISK_SIZE`.
    #[graphql(name = "type")]
    pub kind: String,
    /// The least, as its author wrote it; it does not count where there are components.
    pub min_limit: Option<String>,
    /// The parts of the pack that ask for it.
    pub components: Vec<PackResourceComponent>,
}

/// A part of a pack that asks for a resource.
#[derive(Debug, Clone, SimpleObject)]
pub struct PackResourceComponent {
    /// On which machines it runs: `ALL`, `MASTER` or `WORKER`.
    pub schedule_type: String,
    /// The path of its request in the pack's values.
    pub resource_request_param_ref: Option<String>,
    /// The path of its number of replicas in the pack's values.
    pub replica_count_param_ref: Option<String>,
}

impl From<&pack::PackResource> for PackResource {
    fn from(resource: &pack::PackResource) -> Self {
        use pack::{
            ResourceKind::{Cpu, DiskSize, Memory},
            ScheduleType::{All, Master, Worker},
        };
        let component = |component: &pack::ResourceComponent| PackResourceComponent {
            schedule_type: match component.schedule_type {
                All => "ALL",
                Master => "MASTER",
                Worker => "WORKER",
            }
            .to_owned(),
            resource_request_param_ref: component.resource_request_param_ref.clone(),
            replica_count_param_ref: component.replica_count_param_ref.clone(),
        };
        Self {
            kind: match resource.kind {
                Cpu => "CPU",
                Memory => "MEMORY",
                DiskSize => "DISK_SIZE",
            }
            .to_owned(),
            min_limit: resource.min_limit.clone(),
            components: resource.components.iter().map(component).collect(),
        }
    }
}

/// A page of packs.
pub fn page(session: &Session, page: PageOf<PackRecord>, total: Total) -> PackConnection {
    PackConnection::new(nodes(page, |record| Pack::new(session.clone(), record)), total)
}
