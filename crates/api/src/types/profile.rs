//! Profiles and their versions.

use std::sync::Arc;

use async_graphql::{Description, ID, Object, SimpleObject};
use strata_engine::{
    ChangeFilter, ClusterFilter, ClusterOrder, PageOf, ProfileFilter, ProfileRecord, RolloutFilter, Session,
    VersionRecord,
};
use strata_model::{profile, variable};
use tokio::sync::OnceCell;

use super::{
    change::{self, ChangeConnection},
    cluster::{self, ClusterConnection},
    connection::{self, Total, connection, nodes},
    global_id,
    problem::ProfileProblem,
    rollout::{self, RolloutConnection},
    scalar::{DateTime, DigestText, SemVerText},
    state::{
        ConflictPolicy, ImmutablePolicy, LayerKind, OrphanPolicy, ProfileType, VariableFormat, VersionState,
    },
};
use crate::{
    cost::list,
    error::{answer, refused},
};

connection! {
    ProfileConnection, ProfileEdge of Profile;
    ProfileVersionConnection, ProfileVersionEdge of ProfileVersion;
}

/// A profile: a name plus its versions.
#[derive(Debug, Clone, Description)]
pub struct Profile {
    session: Session,
    record: ProfileRecord,
}

impl Profile {
    /// Shows a stored profile.
    pub fn new(session: Session, record: ProfileRecord) -> Self {
        Self { session, record }
    }
}

#[Object(use_type_description)]
impl Profile {
    /// The global id.
    pub async fn id(&self) -> ID {
        global_id::encode("profile", self.record.id.uuid())
    }

    /// Its name, unique in its project.
    async fn name(&self) -> &str {
        self.record.name.as_str()
    }

    /// What it covers.
    #[graphql(name = "type")]
    async fn profile_type(&self) -> ProfileType {
        self.record.profile_type.into()
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        self.record.created_at.into()
    }

    /// Its versions, newest first.
    #[graphql(complexity = "list(first, child_complexity)")]
    async fn versions(
        &self,
        #[graphql(desc = "How many, 1 to 100.")] first: Option<u32>,
        #[graphql(desc = "Behind which cursor.")] after: Option<String>,
    ) -> async_graphql::Result<ProfileVersionConnection> {
        let page = connection::page(first, after).map_err(refused)?;
        let page = self.session.profile_versions(self.record.id, page).await.map_err(answer)?;
        let (session, id) = (self.session.clone(), self.record.id);
        let total = Total::new(move || {
            let session = session.clone();
            async move { session.profile_versions_count(id).await.map_err(answer) }
        });
        Ok(ProfileVersionConnection::new(
            nodes(page, |record| ProfileVersion::new(self.session.clone(), record, None)),
            total,
        ))
    }

    /// Its newest version that clusters may run; else its newest draft.
    async fn latest(&self) -> async_graphql::Result<Option<ProfileVersion>> {
        let record = self.session.latest_version(self.record.id).await.map_err(answer)?;
        Ok(record.map(|record| ProfileVersion::new(self.session.clone(), record, None)))
    }
}

/// A version of a profile: a draft, or one of its frozen revisions.
#[derive(Debug, Clone, Description)]
pub struct ProfileVersion {
    session: Session,
    record: VersionRecord,
    revision: Option<u32>,
    content: Arc<OnceCell<profile::ProfileContent>>,
}

impl ProfileVersion {
    /// Shows a version; of a revision, or of its newest one.
    pub fn new(session: Session, record: VersionRecord, revision: Option<u32>) -> Self {
        Self { session, record, revision, content: Arc::default() }
    }

    /// What attaches it.
    fn attached(&self) -> ProfileFilter {
        ProfileFilter {
            profile: self.record.profile.clone(),
            version: Some(self.record.version.clone()),
            revision: self.revision,
        }
    }

    async fn content(&self) -> async_graphql::Result<&profile::ProfileContent> {
        let read = async || {
            let (profile, version) = (self.record.profile.as_str(), &self.record.version);
            let content =
                self.session.profile_content(profile, version, self.revision).await.map_err(answer)?;
            Ok::<_, async_graphql::Error>(content.map(|(_, content)| content).unwrap_or_default())
        };
        self.content.get_or_try_init(read).await
    }
}

#[Object(use_type_description)]
impl ProfileVersion {
    /// The global id.
    pub async fn id(&self) -> ID {
        global_id::encode("profile-version", self.record.id.uuid())
    }

    /// The profile's name.
    async fn profile(&self) -> &str {
        self.record.profile.as_str()
    }

    /// The version.
    async fn version(&self) -> SemVerText {
        (&self.record.version).into()
    }

    /// Where it stands.
    async fn state(&self) -> VersionState {
        self.record.state.into()
    }

    /// Which revision this is; none for a draft.
    async fn revision(&self) -> Option<u32> {
        self.revision.or(self.record.newest_revision)
    }

    /// All its revisions.
    #[graphql(complexity = "10 + 10 * child_complexity")]
    async fn revisions(&self) -> async_graphql::Result<Vec<Revision>> {
        let revisions = self.session.revisions(self.record.id).await.map_err(answer)?;
        Ok(revisions
            .into_iter()
            .map(|record| Revision {
                number: record.number,
                digest: (&record.content_digest).into(),
                published_at: record.published_at.into(),
                published_by: record.published_by,
            })
            .collect())
    }

    /// The digest of its content.
    #[graphql(complexity = 5)]
    async fn content_digest(&self) -> async_graphql::Result<DigestText> {
        let (profile, version) = (self.record.profile.as_str(), &self.record.version);
        let found = self.session.profile_content_digest(profile, version, self.revision).await;
        // A deleted draft says nothing any more.
        let found = found.map_err(answer)?.unwrap_or_else(|| profile::ProfileContent::default().digest());
        Ok((&found).into())
    }

    /// Its layers, in order.
    #[graphql(complexity = "20 + child_complexity")]
    async fn layers(&self) -> async_graphql::Result<Vec<Layer>> {
        Ok(self.content().await?.layers.iter().map(Layer::from).collect())
    }

    /// What a cluster may or must set.
    #[graphql(complexity = "20 + child_complexity")]
    async fn variables(&self) -> async_graphql::Result<Vec<Variable>> {
        Ok(self.content().await?.variables.iter().map(Variable::from).collect())
    }

    /// The clusters that run it: of this revision when one was asked for, else of any.
    #[graphql(complexity = "list(first, child_complexity)")]
    async fn clusters(
        &self,
        #[graphql(desc = "How many, 1 to 100.")] first: Option<u32>,
        #[graphql(desc = "Behind which cursor.")] after: Option<String>,
    ) -> async_graphql::Result<ClusterConnection> {
        let filter = ClusterFilter { profile: Some(self.attached()), ..ClusterFilter::default() };
        let page = connection::page(first, after).map_err(refused)?;
        let found = self.session.clusters(&filter, ClusterOrder::Name, page).await.map_err(answer)?;
        let session = self.session.clone();
        let total = Total::new(move || {
            let (session, filter) = (session.clone(), filter.clone());
            async move { session.clusters_count(&filter).await.map_err(answer) }
        });
        Ok(cluster::page(&self.session, found, total))
    }

    /// The changes that lead to it: to this revision when one was asked for, else to any.
    #[graphql(complexity = "list(first, child_complexity)")]
    async fn changes(
        &self,
        #[graphql(desc = "How many, 1 to 100.")] first: Option<u32>,
        #[graphql(desc = "Behind which cursor.")] after: Option<String>,
    ) -> async_graphql::Result<ChangeConnection> {
        let filter = ChangeFilter { profile: Some(self.attached()), ..ChangeFilter::default() };
        let page = connection::page(first, after).map_err(refused)?;
        let page = self.session.changes(&filter, page).await.map_err(answer)?;
        Ok(change::page(&self.session, page, change::total(&self.session, filter)))
    }

    /// The rollouts that bring it: this revision when one was asked for, else any.
    #[graphql(complexity = "list(first, child_complexity)")]
    async fn rollouts(
        &self,
        #[graphql(desc = "How many, 1 to 100.")] first: Option<u32>,
        #[graphql(desc = "Behind which cursor.")] after: Option<String>,
    ) -> async_graphql::Result<RolloutConnection> {
        let filter = RolloutFilter { profile: Some(self.attached()), ..RolloutFilter::default() };
        let page = connection::page(first, after).map_err(refused)?;
        let page = self.session.rollouts(&filter, page).await.map_err(answer)?;
        Ok(rollout::page(&self.session, page, rollout::total(&self.session, filter)))
    }

    /// Every problem that it has: of a draft all that keeps it from being published, of a revision what its packs and the
    /// macros of the project make of it now.
    #[graphql(complexity = "50 + child_complexity")]
    async fn problems(&self) -> async_graphql::Result<Vec<ProfileProblem>> {
        let (profile, version) = (self.record.profile.as_str(), &self.record.version);
        let found = self.session.profile_problems(profile, version, self.revision).await.map_err(answer)?;
        Ok(found.unwrap_or_default().into_iter().map(ProfileProblem::from).collect())
    }

    /// Which state of the draft this is: give it as `expectedGeneration` to `updateDraft`. None once it is published.
    async fn generation(&self) -> Option<i64> {
        self.record.generation
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        self.record.created_at.into()
    }

    /// What comes after it, for a deprecated one.
    async fn deprecated(&self) -> Option<Deprecation> {
        (self.record.state == profile::VersionState::Deprecated).then(|| Deprecation {
            sunset: self.record.sunset.map(DateTime),
            successor: self.record.successor.as_ref().map(SemVerText::from),
        })
    }
}

/// What comes after a deprecated version.
#[derive(Debug, SimpleObject)]
pub struct Deprecation {
    /// Until when it is looked after.
    pub sunset: Option<DateTime>,
    /// The version to go to.
    pub successor: Option<SemVerText>,
}

/// One frozen content of a version.
#[derive(Debug, SimpleObject)]
pub struct Revision {
    /// From 1.
    pub number: u32,
    /// The digest of its content.
    pub digest: DigestText,
    /// When it was frozen.
    pub published_at: DateTime,
    /// By whom.
    pub published_by: String,
}

/// One pack in a profile, with the profile's own values for it.
#[derive(Debug, SimpleObject)]
pub struct Layer {
    /// Unique over all profiles of a cluster.
    pub name: String,
    /// What it is.
    pub kind: LayerKind,
    /// The pack, pinned by digest.
    pub pack: PackReference,
    /// The profile's own values, as their author wrote them.
    pub values: String,
    /// Chosen presets.
    pub presets: Vec<PresetChoice>,
    /// Manifests of the profile's own, as their author wrote them.
    pub manifests: Vec<AttachedManifest>,
    /// Lowest first, equal numbers together; none for the pack's.
    pub install_priority: Option<i32>,
    /// Where its objects go; none for the pack's.
    pub namespace: Option<String>,
    /// When another field manager holds a field.
    pub on_conflict: ConflictPolicy,
    /// When a change cannot be made in place.
    pub on_immutable: ImmutablePolicy,
    /// When an object is no longer rendered.
    pub orphan_policy: OrphanPolicy,
}

impl From<&profile::Layer> for Layer {
    fn from(layer: &profile::Layer) -> Self {
        let choice = |choice: &profile::PresetChoice| PresetChoice {
            group: choice.group.clone(),
            name: choice.name.clone(),
        };
        Self {
            name: layer.name.to_string(),
            kind: layer.kind.into(),
            pack: PackReference {
                name: layer.pack.name.clone(),
                version: layer.pack.version.clone(),
                digest: (&layer.pack.digest).into(),
            },
            values: layer.values.clone(),
            presets: layer.presets.iter().map(choice).collect(),
            manifests: layer
                .manifests
                .iter()
                .map(|manifest| AttachedManifest { name: manifest.name.clone(), text: manifest.text.clone() })
                .collect(),
            install_priority: layer.install_priority,
            namespace: layer.namespace.clone(),
            on_conflict: layer.on_conflict.into(),
            on_immutable: layer.on_immutable.into(),
            orphan_policy: layer.orphan_policy.into(),
        }
    }
}

/// A manifest of a profile's own, beside those of a layer's pack.
#[derive(Debug, SimpleObject)]
pub struct AttachedManifest {
    /// Unique in its layer.
    pub name: String,
    /// Kubernetes objects in YAML, as their author wrote them.
    pub text: String,
}

/// The pack that a layer is pinned to.
#[derive(Debug, SimpleObject)]
pub struct PackReference {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The digest of its content.
    pub digest: DigestText,
}

/// A chosen preset.
#[derive(Debug, SimpleObject)]
pub struct PresetChoice {
    /// Its group.
    pub group: String,
    /// Its name.
    pub name: String,
}

/// Something that a cluster may or must set.
#[derive(Debug, SimpleObject)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its name for people.
    pub display_name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// The form that its value must have.
    pub format: VariableFormat,
    /// What counts when the cluster sets nothing; masked when sensitive.
    pub default_value: Option<String>,
    /// What its value must match.
    pub regex: Option<String>,
    /// Whether there must be a value.
    pub required: bool,
    /// Whether it cannot be changed once a cluster runs with it.
    pub immutable: bool,
    /// Whether consoles leave it out.
    pub hidden: bool,
    /// Whether its value is a secret.
    pub sensitive: bool,
    /// Whether forms give room for several lines.
    pub multiline: bool,
    /// The values that can be chosen; empty for any.
    pub options: Vec<VariableOption>,
}

/// A value that can be chosen.
#[derive(Debug, SimpleObject)]
pub struct VariableOption {
    /// The value.
    pub value: String,
    /// What people see; none for the value itself.
    pub label: Option<String>,
    /// What it means.
    pub description: Option<String>,
}

impl From<&variable::VariableDefinition> for Variable {
    fn from(definition: &variable::VariableDefinition) -> Self {
        let definition = definition.clone();
        let masked = |text: String| if definition.sensitive { "‹secret›".to_owned() } else { text };
        Self {
            name: definition.name,
            display_name: definition.display_name,
            description: definition.description,
            format: definition.format.into(),
            default_value: definition.default_value.map(masked),
            regex: definition.regex,
            required: definition.required,
            immutable: definition.immutable,
            hidden: definition.hidden,
            sensitive: definition.sensitive,
            multiline: definition.multiline,
            options: definition
                .options
                .into_iter()
                .map(|variable::VariableOption { value, label, description }| VariableOption {
                    value,
                    label,
                    description,
                })
                .collect(),
        }
    }
}

/// A page of profiles.
pub fn page(session: &Session, page: PageOf<ProfileRecord>, total: Total) -> ProfileConnection {
    ProfileConnection::new(nodes(page, |record| Profile::new(session.clone(), record)), total)
}
