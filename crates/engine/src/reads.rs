//! What a session can read. Every read needs the permission to read, and is bound to the session's project.

use std::collections::BTreeMap;

use strata_model::{
    Timestamp,
    access::{Permission, PrincipalKind, Role},
    change::{Change, ChangeState, RequirementKind},
    cluster::Cluster,
    composition::{Attachment, ControlPlane, HeldLayer, NodePool},
    digest::Digest,
    event::{AuditEntry, Event, StreamId},
    id::{
        ChangeId, ClusterId, CompositionId, OrphanId, PackId, PlanId, PrincipalId, ProfileId,
        ProfileVersionId, RolloutId, TokenId,
    },
    inventory::InventoryEntry,
    orphan::Orphan,
    overrides::LayerOverride,
    pack::Pack,
    plan::Plan,
    profile::{ProfileContent, ProfileName, ProfileType, VersionState},
    rollout::{Rollout, RolloutState, TargetState},
    variable::VariableValue,
    version::Version,
};
use strata_store::{
    Cursor, EventFilter, Optional as _, PackFilter, Profile, ProfileVersion, RolloutFilter, Scoped,
    StoredPlan,
};

pub use strata_store::{ChangeFilter, ClusterFilter, ClusterOrder, OrphanFilter};

use crate::{error::EngineError, session::Session};

/// Which page of a list.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// How many items, 1 to 100.
    pub first: u32,
    /// Behind which cursor.
    pub after: Option<String>,
}

impl From<Page> for strata_store::Page {
    fn from(page: Page) -> Self {
        Self { first: page.first, after: page.after.map(Cursor::new) }
    }
}

/// A page of a list.
#[derive(Debug, Clone)]
pub struct PageOf<T> {
    /// The items with their cursors.
    pub items: Vec<(String, T)>,
    /// Whether there is more behind them.
    pub has_next: bool,
}

fn shown<S, T>(page: strata_store::PageOf<S>, show: impl Fn(S) -> T) -> PageOf<T> {
    let items = page.edges.into_iter().map(|edge| (edge.cursor.as_str().to_owned(), show(edge.node)));
    PageOf { items: items.collect(), has_next: page.has_next }
}

/// A pack with its content.
#[derive(Debug, Clone)]
pub struct PackRecord {
    /// Its id.
    pub id: PackId,
    /// What it holds.
    pub pack: Pack,
    /// The digest of its content.
    pub digest: Digest,
    /// When it was published.
    pub created_at: Timestamp,
}

/// A profile.
#[derive(Debug, Clone)]
pub struct ProfileRecord {
    /// Its id.
    pub id: ProfileId,
    /// Its name.
    pub name: ProfileName,
    /// What it covers.
    pub profile_type: ProfileType,
    /// When it was made.
    pub created_at: Timestamp,
}

impl From<Profile> for ProfileRecord {
    fn from(profile: Profile) -> Self {
        Self {
            id: profile.id,
            name: profile.name,
            profile_type: profile.profile_type,
            created_at: profile.created_at,
        }
    }
}

/// A version of a profile.
#[derive(Debug, Clone)]
pub struct VersionRecord {
    /// Its id.
    pub id: ProfileVersionId,
    /// The profile.
    pub profile: ProfileName,
    /// The version.
    pub version: Version,
    /// Where it stands.
    pub state: VersionState,
    /// The number of its newest revision; none for a draft.
    pub newest_revision: Option<u32>,
    /// The generation of its draft, to be given back when it is edited; none when it is frozen.
    pub generation: Option<i64>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it should not be used any more.
    pub sunset: Option<Timestamp>,
    /// What to use instead.
    pub successor: Option<Version>,
}

impl VersionRecord {
    pub(crate) fn new(
        profile: ProfileName,
        version: ProfileVersion,
        newest_revision: Option<u32>,
        generation: Option<i64>,
    ) -> Self {
        let last = version.lifecycle.into_iter().next_back();
        let (sunset, successor) = last.map_or((None, None), |step| (step.sunset, step.successor));
        Self {
            id: version.id,
            profile,
            version: version.version,
            state: version.state,
            newest_revision,
            generation,
            created_at: version.created_at,
            sunset,
            successor,
        }
    }
}

/// A frozen revision.
#[derive(Debug, Clone)]
pub struct RevisionRecord {
    /// From 1.
    pub number: u32,
    /// The digest of its content.
    pub content_digest: Digest,
    /// When it was published.
    pub published_at: Timestamp,
    /// By whom.
    pub published_by: String,
}

/// A stored plan.
#[derive(Debug, Clone)]
pub struct PlanRecord {
    /// Its id.
    pub id: PlanId,
    /// What it says; masked.
    pub plan: Plan,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it is kept, unless a change carries it out.
    pub expires_at: Timestamp,
}

impl From<StoredPlan> for PlanRecord {
    fn from(stored: StoredPlan) -> Self {
        Self {
            id: stored.id,
            plan: stored.plan,
            created_at: stored.created_at,
            expires_at: stored.expires_at,
        }
    }
}

/// What a composition shows; secrets are masked.
#[derive(Debug, Clone)]
pub struct CompositionView {
    /// Its digest.
    pub digest: Digest,
    /// Attached revisions.
    pub attachments: Vec<Attachment>,
    /// Layers kept at another revision.
    pub held: Vec<HeldLayer>,
    /// The cluster's overrides.
    pub overrides: Vec<LayerOverride>,
    /// The cluster's variables, by name.
    pub variables: Vec<(String, String)>,
    /// The control plane.
    pub control_plane: Option<ControlPlane>,
    /// The pools.
    pub node_pools: Vec<NodePool>,
}

/// Totals over a project's clusters.
#[derive(Debug, Clone, Default)]
pub struct FleetSummary {
    /// How many.
    pub total: u64,
    /// By phase.
    pub phases: Vec<(String, u64)>,
    /// By connectivity.
    pub connectivity: Vec<(String, u64)>,
    /// By health.
    pub health: Vec<(String, u64)>,
    /// By activity.
    pub activity: Vec<(String, u64)>,
}

/// Why something waits.
#[derive(Debug, Clone)]
pub struct WaitReason {
    /// Stable code.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// Since when.
    pub since: Option<Timestamp>,
    /// What would help.
    pub next_action: String,
}

/// A principal with its roles.
#[derive(Debug, Clone)]
pub struct PrincipalRecord {
    /// Its id.
    pub id: PrincipalId,
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: PrincipalKind,
    /// Project name and role.
    pub roles: Vec<(String, Role)>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A token; its secret is not kept.
#[derive(Debug, Clone)]
pub struct TokenRecord {
    /// Its id.
    pub id: TokenId,
    /// What it is for.
    pub name: String,
    /// The name of its principal.
    pub principal: String,
    /// The part that may be shown.
    pub prefix: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it counts.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl Session {
    fn readable(&self) -> Result<Scoped<'_>, EngineError> {
        self.permit(Permission::Read)?;
        Ok(self.rows())
    }

    /// Packs, by name and version.
    ///
    /// # Errors
    /// `FORBIDDEN`, `INVALID_INPUT` for a cursor of another list.
    pub async fn packs(&self, page: Page) -> Result<PageOf<PackRecord>, EngineError> {
        let rows = self.readable()?;
        let found = rows.pack_list(&PackFilter::default(), &page.into()).await?;
        let mut items = Vec::with_capacity(found.edges.len());
        for edge in found.edges {
            let pack = self.pack_content(&edge.node.digest).await?.pack().clone();
            let record = PackRecord {
                id: edge.node.id,
                pack,
                digest: edge.node.digest,
                created_at: edge.node.created_at,
            };
            items.push((edge.cursor.as_str().to_owned(), record));
        }
        Ok(PageOf { items, has_next: found.has_next })
    }

    /// How many packs there are.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn packs_count(&self) -> Result<u64, EngineError> {
        Ok(self.readable()?.pack_count(&PackFilter::default()).await?)
    }

    /// One pack.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn pack(&self, name: &str, version: &str) -> Result<Option<PackRecord>, EngineError> {
        let Some(record) = self.readable()?.pack_by_version(name, version).await.optional()? else {
            return Ok(None);
        };
        let pack = self.rows().pack_content(&record).await?;
        Ok(Some(PackRecord { id: record.id, pack, digest: record.digest, created_at: record.created_at }))
    }

    /// Profiles, by name.
    ///
    /// # Errors
    /// `FORBIDDEN`, `INVALID_INPUT` for a cursor of another list.
    pub async fn profiles(&self, page: Page) -> Result<PageOf<ProfileRecord>, EngineError> {
        Ok(shown(self.readable()?.profile_list(&page.into()).await?, ProfileRecord::from))
    }

    /// How many profiles there are.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn profiles_count(&self) -> Result<u64, EngineError> {
        Ok(self.readable()?.profile_count().await?)
    }

    /// One profile.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn profile(&self, name: &str) -> Result<Option<ProfileRecord>, EngineError> {
        let Ok(name) = name.parse() else { return Ok(None) };
        Ok(self.readable()?.profile_by_name(&name).await.optional()?.map(ProfileRecord::from))
    }

    /// Versions of a profile, by SemVer precedence.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`.
    pub async fn profile_versions(
        &self,
        id: ProfileId,
        page: Page,
    ) -> Result<PageOf<VersionRecord>, EngineError> {
        let rows = self.readable()?;
        let profile = rows.profile_get(id).await?;
        let found = rows.profile_version_list(id, &[], &page.into()).await?;
        let mut items = Vec::with_capacity(found.edges.len());
        for edge in found.edges {
            items
                .push((edge.cursor.as_str().to_owned(), self.shown_version(&profile.name, edge.node).await?));
        }
        Ok(PageOf { items, has_next: found.has_next })
    }

    async fn shown_version(
        &self,
        profile: &ProfileName,
        version: ProfileVersion,
    ) -> Result<VersionRecord, EngineError> {
        let generation = self.rows().draft_get(version.id).await.optional()?.map(|draft| draft.generation);
        let newest = self.rows().revision_list(version.id).await?.last().map(|revision| revision.number);
        Ok(VersionRecord::new(profile.clone(), version, newest, generation))
    }

    /// How many versions a profile has.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn profile_versions_count(&self, id: ProfileId) -> Result<u64, EngineError> {
        Ok(self.readable()?.profile_version_count(id, &[]).await?)
    }

    /// The newest published version of a profile; the newest draft when none is published.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`.
    pub async fn latest_version(&self, id: ProfileId) -> Result<Option<VersionRecord>, EngineError> {
        let rows = self.readable()?;
        let profile = rows.profile_get(id).await?;
        for states in [[VersionState::Published, VersionState::Deprecated].as_slice(), &[VersionState::Draft]]
        {
            let mut newest = None;
            let mut page = strata_store::Page::default();
            loop {
                let found = rows.profile_version_list(id, states, &page).await?;
                let next = found.next();
                newest = found
                    .into_nodes()
                    .into_iter()
                    .chain(newest)
                    .max_by(|a: &ProfileVersion, b: &ProfileVersion| a.version.cmp(&b.version));
                match next {
                    Some(cursor) => page = strata_store::Page::default().after(cursor),
                    None => break,
                }
            }
            if let Some(version) = newest {
                return Ok(Some(self.shown_version(&profile.name, version).await?));
            }
        }
        Ok(None)
    }

    /// One version of a profile.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn profile_version(
        &self,
        profile: &str,
        version: &str,
    ) -> Result<Option<VersionRecord>, EngineError> {
        let rows = self.readable()?;
        let (Ok(name), Ok(number)) = (profile.parse(), version.parse::<Version>()) else { return Ok(None) };
        let Some(profile) = rows.profile_by_name(&name).await.optional()? else { return Ok(None) };
        match rows.profile_version_find(profile.id, &number).await.optional()? {
            Some(found) => Ok(Some(self.shown_version(&profile.name, found).await?)),
            None => Ok(None),
        }
    }

    /// The content of a version: of a revision, or of its draft; passwords masked. Says which revision it is.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn profile_content(
        &self,
        profile: &str,
        version: &Version,
        revision: Option<u32>,
    ) -> Result<Option<(Option<u32>, ProfileContent)>, EngineError> {
        let rows = self.readable()?;
        let Ok(name) = profile.parse::<ProfileName>() else { return Ok(None) };
        if let Some(found) = rows.revision_find(&name, version, revision).await.optional()? {
            let content = self.masked_content(found.content).await?;
            return Ok(Some((Some(found.record.number), content)));
        }
        let Some(found) = rows.profile_by_name(&name).await.optional()? else { return Ok(None) };
        let Some(there) = rows.profile_version_find(found.id, version).await.optional()? else {
            return Ok(None);
        };
        match rows.draft_get(there.id).await.optional()?.filter(|_| revision.is_none()) {
            Some(draft) => Ok(Some((None, self.masked_content(draft.content).await?))),
            None => Ok(None),
        }
    }

    /// The revisions of a version, oldest first.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn revisions(&self, id: ProfileVersionId) -> Result<Vec<RevisionRecord>, EngineError> {
        let revisions = self.readable()?.revision_list(id).await?;
        let show = |revision: strata_store::RevisionRecord| RevisionRecord {
            number: revision.number,
            content_digest: revision.digest,
            published_at: revision.created_at,
            published_by: revision.created_by.name,
        };
        Ok(revisions.into_iter().map(show).collect())
    }

    /// Clusters.
    ///
    /// # Errors
    /// `FORBIDDEN`, `INVALID_INPUT` for a cursor of another list.
    pub async fn clusters(
        &self,
        filter: &ClusterFilter,
        order: ClusterOrder,
        page: Page,
    ) -> Result<PageOf<Cluster>, EngineError> {
        Ok(shown(self.readable()?.cluster_list(filter, order, &page.into()).await?, |stored| stored.value))
    }

    /// How many clusters there are.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn clusters_count(&self, filter: &ClusterFilter) -> Result<u64, EngineError> {
        Ok(self.readable()?.cluster_count(filter).await?)
    }

    /// One cluster, by name.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn cluster(&self, name: &str) -> Result<Option<Cluster>, EngineError> {
        let rows = self.readable()?;
        let Ok(name) = name.parse() else { return Ok(None) };
        Ok(rows.cluster_by_name(&name).await.optional()?.map(|stored| stored.value))
    }

    /// One cluster, by id.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn cluster_by_id(&self, id: ClusterId) -> Result<Option<Cluster>, EngineError> {
        Ok(self.readable()?.cluster_get(id).await.optional()?.map(|stored| stored.value))
    }

    /// A composition, secrets masked.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`.
    pub async fn composition(&self, id: CompositionId) -> Result<CompositionView, EngineError> {
        let stored = self.readable()?.composition_get(id).await?;
        let composition = stored.composition;
        let overrides: Vec<LayerOverride> =
            composition.overrides.iter().flat_map(|source| source.layers().iter().cloned()).collect();
        let overrides = if overrides.is_empty() {
            overrides
        } else {
            let redactor = self.redactor_for(stored.cluster, &composition).await?;
            overrides
                .into_iter()
                .map(|it| mask_override(it, &redactor))
                .collect::<Result<_, EngineError>>()?
        };
        let show = |value: VariableValue| match value {
            VariableValue::Plain(text) => text,
            VariableValue::Sensitive(fingerprint) => fingerprint.mask(),
        };
        Ok(CompositionView {
            digest: stored.digest,
            attachments: composition.attachments,
            held: composition.held,
            overrides,
            variables: composition.variables.into_iter().map(|(name, value)| (name, show(value))).collect(),
            control_plane: composition.control_plane,
            node_pools: composition.node_pools,
        })
    }

    /// What Strata last sent to a cluster.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn inventory(
        &self,
        cluster: ClusterId,
        page: Page,
    ) -> Result<PageOf<InventoryEntry>, EngineError> {
        let mut entries = self.readable()?.inventory_list(cluster).await?;
        let start =
            page.after.and_then(|cursor| cursor.parse::<usize>().ok()).unwrap_or(0).min(entries.len());
        let count = usize::try_from(page.first.clamp(1, strata_store::PAGE_LIMIT)).unwrap_or(1);
        let has_next = entries.len() > start.saturating_add(count);
        let items = entries.drain(start..).take(count).enumerate();
        Ok(PageOf {
            items: items.map(|(index, entry)| ((start + index + 1).to_string(), entry)).collect(),
            has_next,
        })
    }

    /// How many objects Strata sent to a cluster.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn inventory_count(&self, cluster: ClusterId) -> Result<u64, EngineError> {
        Ok(self.readable()?.inventory_count(cluster).await?)
    }

    /// Totals over all clusters.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn fleet_summary(&self) -> Result<FleetSummary, EngineError> {
        let counts = self.readable()?.cluster_summary().await?;
        let mut by: [BTreeMap<String, u64>; 4] = Default::default();
        let mut total = 0;
        for count in counts {
            total += count.clusters;
            let names = [
                serde_json::to_value(count.phase)?,
                serde_json::to_value(count.connectivity)?,
                serde_json::to_value(count.health)?,
                serde_json::to_value(count.activity)?,
            ];
            for (totals, name) in by.iter_mut().zip(names) {
                *totals.entry(name.as_str().unwrap_or_default().to_owned()).or_default() += count.clusters;
            }
        }
        let [phases, connectivity, health, activity] = by.map(|totals| totals.into_iter().collect());
        Ok(FleetSummary { total, phases, connectivity, health, activity })
    }

    /// Changes, newest first.
    ///
    /// # Errors
    /// `FORBIDDEN`, `INVALID_INPUT` for a cursor of another list.
    pub async fn changes(&self, filter: &ChangeFilter, page: Page) -> Result<PageOf<Change>, EngineError> {
        Ok(shown(self.readable()?.change_list(filter, &page.into()).await?, |stored| stored.value))
    }

    /// How many changes there are.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn changes_count(&self, filter: &ChangeFilter) -> Result<u64, EngineError> {
        Ok(self.readable()?.change_count(filter).await?)
    }

    /// One change.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn change(&self, id: ChangeId) -> Result<Option<Change>, EngineError> {
        Ok(self.readable()?.change_get(id).await.optional()?.map(|stored| stored.value))
    }

    /// A stored plan.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn plan(&self, id: PlanId) -> Result<Option<PlanRecord>, EngineError> {
        Ok(self.readable()?.plan_get(id).await.optional()?.map(PlanRecord::from))
    }

    /// Orphans.
    ///
    /// # Errors
    /// `FORBIDDEN`, `INVALID_INPUT` for a cursor of another list.
    pub async fn orphans(&self, filter: &OrphanFilter, page: Page) -> Result<PageOf<Orphan>, EngineError> {
        Ok(shown(self.readable()?.orphan_list(filter, &page.into()).await?, |stored| stored.value))
    }

    /// How many orphans there are.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn orphans_count(&self, filter: &OrphanFilter) -> Result<u64, EngineError> {
        Ok(self.readable()?.orphan_count(filter).await?)
    }

    /// One orphan.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn orphan(&self, id: OrphanId) -> Result<Option<Orphan>, EngineError> {
        Ok(self.readable()?.orphan_get(id).await.optional()?.map(|stored| stored.value))
    }

    /// Rollouts, newest first.
    ///
    /// # Errors
    /// `FORBIDDEN`, `INVALID_INPUT` for a cursor of another list.
    pub async fn rollouts(&self, page: Page) -> Result<PageOf<Rollout>, EngineError> {
        let rows = self.readable()?;
        let found = rows.rollout_list(&RolloutFilter::default(), &page.into()).await?;
        let mut items = Vec::with_capacity(found.edges.len());
        for edge in found.edges {
            let whole = rows.rollout_get(edge.node.value.id).await?.value;
            items.push((edge.cursor.as_str().to_owned(), whole));
        }
        Ok(PageOf { items, has_next: found.has_next })
    }

    /// How many rollouts there are.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn rollouts_count(&self) -> Result<u64, EngineError> {
        Ok(self.readable()?.rollout_count(&RolloutFilter::default()).await?)
    }

    /// One rollout with its targets.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn rollout(&self, id: RolloutId) -> Result<Option<Rollout>, EngineError> {
        Ok(self.readable()?.rollout_get(id).await.optional()?.map(|stored| stored.value))
    }

    /// Events behind a position, oldest first; of one stream, or of all.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn events(
        &self,
        stream: Option<StreamId>,
        after: i64,
        limit: u64,
    ) -> Result<Vec<Event>, EngineError> {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX).min(strata_store::EVENT_LIMIT);
        Ok(self.readable()?.events_after(after, &event_filter(stream), limit).await?)
    }

    /// How many events a stream has.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn events_count(&self, stream: StreamId) -> Result<u64, EngineError> {
        Ok(self.readable()?.event_count(&event_filter(Some(stream))).await?)
    }

    /// Who did what, newest first.
    ///
    /// # Errors
    /// `FORBIDDEN`, `INVALID_INPUT` for a cursor of another list.
    pub async fn audit(&self, page: Page) -> Result<PageOf<(Event, AuditEntry)>, EngineError> {
        Ok(shown(self.readable()?.audit_list(&page.into()).await?, |entry| entry))
    }

    /// How many audited operations there are.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn audit_count(&self) -> Result<u64, EngineError> {
        Ok(self.readable()?.audit_count().await?)
    }

    /// Principals, by name. For administrators.
    ///
    /// # Errors
    /// `FORBIDDEN`, `INVALID_INPUT` for a cursor of another list.
    pub async fn principals(&self, page: Page) -> Result<PageOf<PrincipalRecord>, EngineError> {
        self.permit(Permission::Administer)?;
        let found = self.rows().principal_list(&page.into()).await?;
        let mut items = Vec::with_capacity(found.edges.len());
        for edge in found.edges {
            items.push((edge.cursor.as_str().to_owned(), self.shown_principal(edge.node).await?));
        }
        Ok(PageOf { items, has_next: found.has_next })
    }

    /// A principal as it is shown.
    pub(crate) async fn shown_principal(
        &self,
        principal: strata_store::Principal,
    ) -> Result<PrincipalRecord, EngineError> {
        let bindings = self.engine.store().role_bindings(principal.id).await?;
        Ok(PrincipalRecord {
            id: principal.id,
            name: principal.name,
            kind: principal.kind,
            roles: bindings.into_iter().map(|binding| (binding.project_name, binding.role)).collect(),
            created_at: principal.created_at,
        })
    }

    /// How many principals there are.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn principals_count(&self) -> Result<u64, EngineError> {
        self.permit(Permission::Administer)?;
        Ok(self.rows().principal_count().await?)
    }

    /// Tokens, newest first. For administrators.
    ///
    /// # Errors
    /// `FORBIDDEN`, `INVALID_INPUT` for a cursor of another list.
    pub async fn tokens(&self, page: Page) -> Result<PageOf<TokenRecord>, EngineError> {
        self.permit(Permission::Administer)?;
        let found = self.rows().token_list(None, &page.into()).await?;
        let mut items = Vec::with_capacity(found.edges.len());
        for edge in found.edges {
            items.push((edge.cursor.as_str().to_owned(), self.shown_token(edge.node).await?));
        }
        Ok(PageOf { items, has_next: found.has_next })
    }

    /// A token as it is shown.
    pub(crate) async fn shown_token(&self, token: strata_store::Token) -> Result<TokenRecord, EngineError> {
        let principal = self.rows().principal_get(token.principal).await?.name;
        Ok(TokenRecord {
            id: token.id,
            name: token.name,
            principal,
            prefix: token.prefix,
            created_at: token.created_at,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
        })
    }

    /// How many tokens there are.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn tokens_count(&self) -> Result<u64, EngineError> {
        self.permit(Permission::Administer)?;
        Ok(self.rows().token_count(None).await?)
    }

    /// Why a change waits.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`.
    pub async fn explain_change(&self, id: ChangeId) -> Result<Vec<WaitReason>, EngineError> {
        let rows = self.readable()?;
        let change = rows.change_get(id).await?.value;
        let cluster = rows.cluster_get(change.cluster).await?.value;
        Ok(waits_of_change(&change, &cluster, self.now()))
    }

    /// Why a rollout waits.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`.
    pub async fn explain_rollout(&self, id: RolloutId) -> Result<Vec<WaitReason>, EngineError> {
        let rollout = self.readable()?.rollout_get(id).await?.value;
        Ok(waits_of_rollout(&rollout))
    }
}

fn event_filter(stream: Option<StreamId>) -> EventFilter {
    stream.map_or(EventFilter::All, |stream| EventFilter::Streams(vec![stream]))
}

fn mask_override(
    mut layer: LayerOverride,
    redactor: &strata_values::Redactor,
) -> Result<LayerOverride, EngineError> {
    let masked = redactor.mask_value(&serde_json::to_value(&layer.patch)?);
    layer.patch = serde_json::from_value(masked)?;
    Ok(layer)
}

fn reason(code: &str, message: String, since: Timestamp, next_action: &str) -> WaitReason {
    WaitReason { code: code.to_owned(), message, since: Some(since), next_action: next_action.to_owned() }
}

fn waits_of_change(change: &Change, cluster: &Cluster, now: Timestamp) -> Vec<WaitReason> {
    let since = change.state_since;
    match change.state {
        ChangeState::Planned if !change.blocked_by.is_empty() => change
            .blocked_by
            .iter()
            .map(|code| {
                reason(
                    code.as_str(),
                    format!("the finding {code} blocks it"),
                    since,
                    "mend what it names, then request anew",
                )
            })
            .collect(),
        ChangeState::Planned => {
            vec![reason("NOT_APPLIED", "nobody asked to apply it".to_owned(), since, "apply it: applyChange")]
        }
        ChangeState::AwaitingApproval => {
            let open = change
                .requirements
                .iter()
                .filter(|requirement| !requirement.is_satisfied(&change.plan_digest, now));
            open.map(|requirement| {
                let action = match requirement.kind {
                    RequirementKind::Repave => "have it approved: approveRepave",
                    RequirementKind::BreakingApi | RequirementKind::Guard => {
                        "have it approved: approveChange"
                    }
                };
                let message =
                    format!("it needs the approval of {} ({})", requirement.scope, requirement.role);
                reason("APPROVAL_REQUIRED", message, since, action)
            })
            .collect()
        }
        ChangeState::Scheduled => match &cluster.connectivity.value {
            strata_model::cluster::Connectivity::Offline => vec![reason(
                "CLUSTER_OFFLINE",
                format!("the cluster does not answer: {}", cluster.connectivity.reason),
                cluster.connectivity.since,
                "it goes on by itself when the cluster answers",
            )],
            _ => vec![reason("QUEUED", "it waits for its turn".to_owned(), since, "it goes on by itself")],
        },
        ChangeState::Applying | ChangeState::Repaving | ChangeState::Verifying => change
            .steps
            .iter()
            .filter(|step| step.ended_at.is_none() && step.started_at.is_some())
            .map(|step| {
                let message = step.message.clone().unwrap_or_else(|| "it is under way".to_owned());
                reason(
                    "STEP",
                    format!("{}: {message}", step.kind.title()),
                    step.started_at.unwrap_or(since),
                    "it goes on by itself",
                )
            })
            .collect(),
        ChangeState::Stale => {
            vec![reason(
                "STALE",
                format!("it was planned on what has moved: {}", change.moved.join("; ")),
                since,
                "plan it anew: replanChange",
            )]
        }
        ChangeState::Failed => change
            .failure
            .iter()
            .map(|failure| reason(&failure.code, failure.message.clone(), since, &failure.help))
            .collect(),
        _ => Vec::new(),
    }
}

fn waits_of_rollout(rollout: &Rollout) -> Vec<WaitReason> {
    let since = rollout.state_since;
    let mut reasons = match rollout.state {
        RolloutState::Draft => {
            vec![reason("NOT_STARTED", "nobody started it".to_owned(), since, "start it: startRollout")]
        }
        RolloutState::Paused | RolloutState::Pausing => {
            vec![reason("PAUSED", "somebody paused it".to_owned(), since, "resume it: resumeRollout")]
        }
        RolloutState::Halted => {
            vec![reason(
                "HALTED",
                rollout.reason.clone(),
                since,
                "retry or skip the clusters that failed or are blocked, then resume it",
            )]
        }
        _ => Vec::new(),
    };
    let stage = rollout.stages.get(usize::try_from(rollout.stage).unwrap_or(usize::MAX));
    if let Some(stage) = stage
        && stage.requires_approval
        && !rollout.approved_stages.contains(&rollout.stage)
        && rollout.state == RolloutState::Running
    {
        reasons.push(reason(
            "STAGE_APPROVAL",
            format!("the stage `{}` waits for approval", stage.name),
            since,
            "approveStage",
        ));
    }
    for target in &rollout.targets {
        let waits = matches!(
            target.state,
            TargetState::AwaitingApproval
                | TargetState::Blocked
                | TargetState::Stale
                | TargetState::Deferred
                | TargetState::Failed
        );
        if waits && target.stage <= rollout.stage {
            let message = format!("a cluster is {}: {}", target.state.as_str(), target.reason);
            reasons.push(reason(
                target.state.as_str(),
                message,
                target.since,
                "explainWait on its change says more",
            ));
        }
    }
    reasons
}
