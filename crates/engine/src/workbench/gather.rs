//! Gathering: everything that the pure part needs, read from the store.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use strata_cluster::ClusterClient;
use strata_model::{
    change::{Change, ChangeKind},
    cluster::Cluster,
    composition::{Attachment, Composition},
    digest::{Digest, DigestKey},
    error::{Refusal, RefusalCode},
    fact::{FactKey, Facts},
    id::{ChangeId, CompositionId},
    inventory::InventoryEntry,
    macros::MacroName,
    orphan::Orphan,
    profile::{LayerName, ProfileName, RevisionReference, VersionState},
    secret::{Fingerprint, SecretText},
    variable::VariableValue,
    version::Version,
};
use strata_plan::{
    CompositionRequest,
    compose::{OverrideChange, OverrideRequest},
};
use strata_render::{ClusterIdentity, LayerSeed};
use strata_store::Stored;

use super::{
    Intent,
    records::{Common, Records},
};
use crate::{
    contents::Contents,
    error::EngineError,
    session::Session,
    verbs::deleted,
    wish::{OverrideEdit, RevisionWish, Wish},
};

/// Everything that the pure part needs.
#[derive(Debug, Clone)]
pub(super) struct Gathered {
    pub(super) cluster: Cluster,
    pub(super) identity: ClusterIdentity,
    pub(super) kind: ChangeKind,
    pub(super) change: Option<ChangeId>,
    pub(super) applied_id: Option<CompositionId>,
    /// What the cluster runs.
    pub(super) applied: Option<Composition>,
    /// What a request starts from: the applied composition, or the first one while it is being edited.
    pub(super) base: Option<Composition>,
    /// The composition to go back to.
    pub(super) earlier: Option<Composition>,
    pub(super) contents: Contents,
    /// As they are now.
    pub(super) macros: Arc<BTreeMap<MacroName, VariableValue>>,
    pub(super) facts: Facts,
    /// As they are kept.
    pub(super) facts_digest: Option<Digest>,
    /// By generation.
    pub(super) seeds: BTreeMap<u32, BTreeMap<LayerName, LayerSeed>>,
    pub(super) inventory: Vec<InventoryEntry>,
    pub(super) orphans: Vec<Orphan>,
    /// What takes the place of variables in what is wanted; none in a plan that may be carried out.
    pub(super) placeholders: BTreeMap<String, VariableValue>,
    pub(super) key: DigestKey,
}

impl Session {
    pub(super) async fn gather(
        &self,
        cluster: &Stored<Cluster>,
        kind: ChangeKind,
        change: Option<&Change>,
        intent: &Intent,
    ) -> Result<Gathered, EngineError> {
        let common = self.common().await?;
        let records = self.records([cluster]).await?.remove(&cluster.value.id).unwrap_or_default();
        self.gather_from(&common, records, cluster, kind, change, intent).await
    }

    /// The same with what was read already.
    pub(super) async fn gather_from(
        &self,
        common: &Common,
        records: Records,
        cluster: &Stored<Cluster>,
        kind: ChangeKind,
        change: Option<&Change>,
        intent: &Intent,
    ) -> Result<Gathered, EngineError> {
        let cluster = cluster.value.clone();
        let Records { applied, facts, facts_digest, inventory, orphans, seeds } = records;
        // On a cluster that runs nothing yet: the first composition, being edited or under way.
        let base = match &applied {
            Some(applied) => Some(applied.clone()),
            None => self.composition_of(intent.first_base()).await?,
        };
        let earlier = match intent {
            Intent::RollBack { earlier } => self.composition_of(Some(*earlier)).await?,
            _ => None,
        };
        let (revisions, secrets) = named_by(intent);
        let compositions = [&applied, &base, &earlier].into_iter().flatten();
        let mut contents = self.contents_of(compositions, &revisions, &secrets).await?;
        // Only of macros that some text names: what nobody names is nobody's secret here.
        let patches = named_patches(intent, base.as_ref())?;
        let named = common.macros.iter().filter(|(name, _)| {
            let reference = format!(".macro.{name}");
            patches.contains(&reference) || contents.mentions(&reference)
        });
        let named: Vec<Fingerprint> = named.filter_map(|(_, value)| value.secret()).cloned().collect();
        contents.secrets.extend(self.rows().secrets_get(&named).await?);
        let generations = generations(intent, base.as_ref(), earlier.as_ref());
        let seeds = self.seeds(&cluster, &contents, &generations, seeds).await?;
        Ok(Gathered {
            identity: ClusterIdentity {
                id: cluster.id,
                name: cluster.name.clone(),
                project: common.project.clone(),
                installation: self.engine.store().installation().id,
                infrastructure: cluster.infrastructure.clone(),
            },
            kind,
            change: change.map(|change| change.id),
            applied_id: cluster.applied,
            facts,
            facts_digest,
            inventory,
            orphans,
            placeholders: BTreeMap::new(),
            key: self.engine.store().digest_key().clone(),
            applied,
            base,
            earlier,
            contents,
            macros: Arc::clone(&common.macros),
            seeds,
            cluster,
        })
    }

    /// What is needed to render one composition, for its secrets.
    pub(super) async fn gather_for_view(
        &self,
        cluster: &Stored<Cluster>,
        composition: &Composition,
    ) -> Result<Gathered, EngineError> {
        let request = CompositionRequest::new(String::new(), self.now());
        let intent = Intent::Compose { request: Box::new(request), base: None };
        let mut gathered = self.gather(cluster, ChangeKind::Apply, None, &intent).await?;
        gathered.contents = self.contents_of([composition], &[], &[]).await?;
        let seeds = std::mem::take(&mut gathered.seeds);
        gathered.seeds =
            self.seeds(&cluster.value, &gathered.contents, &[composition.generation], seeds).await?;
        Ok(gathered)
    }

    async fn composition_of(&self, id: Option<CompositionId>) -> Result<Option<Composition>, EngineError> {
        match id {
            Some(id) => Ok(Some(self.rows().composition_get(id).await?.composition)),
            None => Ok(None),
        }
    }

    /// One seed for each layer and generation, made once and kept; `seeds` are those that there are.
    async fn seeds(
        &self,
        cluster: &Cluster,
        contents: &Contents,
        generations: &[u32],
        mut seeds: BTreeMap<u32, BTreeMap<LayerName, LayerSeed>>,
    ) -> Result<BTreeMap<u32, BTreeMap<LayerName, LayerSeed>>, EngineError> {
        let layers: BTreeSet<&LayerName> = contents
            .profiles()
            .values()
            .flat_map(|content| content.layers.iter().map(|layer| &layer.name))
            .collect();
        let mut missing = Vec::new();
        for generation in generations {
            let of_generation = seeds.entry(*generation).or_default();
            let new = layers.iter().filter(|layer| !of_generation.contains_key(**layer));
            missing.extend(new.map(|layer| ((*layer).clone(), *generation)));
        }
        if missing.is_empty() {
            return Ok(seeds);
        }
        let (project, id) = (self.project, cluster.id);
        let made = self
            .engine
            .store()
            .write(move |tx| {
                Box::pin(async move {
                    let mut made = Vec::new();
                    for (layer, generation) in missing {
                        let seed = tx.seed_get_or_create(project, id, &layer, generation).await?;
                        made.push((layer, generation, seed));
                    }
                    Ok(made)
                })
            })
            .await?;
        for (layer, generation, made) in made {
            let seed = LayerSeed { seed: *made.seed, instant: made.instant };
            seeds.entry(generation).or_default().insert(layer, seed);
        }
        Ok(seeds)
    }

    /// Asks the cluster for what `lookup` wanted to know. Says whether anything new is known now.
    pub(super) async fn look_up(&self, cluster: &Cluster, facts: &mut Facts, unknown: Vec<FactKey>) -> bool {
        match self.reach(cluster).await {
            Ok(client) => self.look_up_with(&client, cluster, facts, unknown).await,
            Err(_) => {
                tracing::debug!(cluster = %cluster.name, "lookups stay unanswered: the cluster cannot be reached");
                false
            }
        }
    }

    /// The same with a client that is there already; also reads answers anew that are known.
    pub(crate) async fn look_up_with(
        &self,
        client: &ClusterClient,
        cluster: &Cluster,
        facts: &mut Facts,
        unknown: Vec<FactKey>,
    ) -> bool {
        let mut news = false;
        for key in unknown {
            let FactKey::Lookup { api_version, kind, namespace, name } = &key else { continue };
            match client.lookup(api_version, kind, namespace, name).await {
                Ok(answer) => {
                    // What is not there is known to be empty, which is not the same as not being known.
                    let answer = answer.unwrap_or_else(|| serde_json::Value::Object(serde_json::Map::new()));
                    news |= facts.lookups.get(&key.to_string()) != Some(&answer);
                    facts.lookups.insert(key.to_string(), answer);
                }
                Err(error) => {
                    tracing::debug!(cluster = %cluster.name, code = error.code(), "a lookup stays unanswered")
                }
            }
        }
        if news {
            let (project, id, kept) = (self.project, cluster.id, facts.clone());
            let written = self
                .engine
                .store()
                .write(move |tx| {
                    Box::pin(async move {
                        let now = tx.now();
                        tx.facts_put(project, id, &kept, now).await
                    })
                })
                .await;
            if let Err(error) = written {
                tracing::warn!(%error, "answers to lookups could not be kept");
            }
        }
        news
    }

    /// A cluster by the name that somebody gave.
    pub(crate) async fn cluster_named(&self, name: &str) -> Result<Stored<Cluster>, EngineError> {
        let parsed = name.parse().map_err(|_| Refusal::not_found("cluster", name).at("cluster"))?;
        self.rows().cluster_by_name(&parsed).await.map_err(|error| match error {
            strata_store::StoreError::NotFound { .. } => {
                Refusal::not_found("cluster", name).at("cluster").into()
            }
            other => EngineError::from(other),
        })
    }

    /// The frozen revision that somebody named; the newest of the version when they named none.
    pub(crate) async fn resolve_revision(&self, wish: &RevisionWish) -> Result<Attachment, EngineError> {
        let profile: ProfileName =
            wish.profile.parse().map_err(|_| Refusal::not_found("profile", &wish.profile).at("profile"))?;
        let version: Version =
            wish.version.parse().map_err(|error: strata_model::version::InvalidVersion| {
                Refusal::new(RefusalCode::InvalidVersion, error.to_string(), "name a published version")
                    .at("version")
            })?;
        let record = self.rows().profile_by_name(&profile).await?;
        let found = self.rows().revision_find(&profile, &version, wish.revision).await.map_err(|error| {
            match error {
                strata_store::StoreError::NotFound { .. } => EngineError::from(
                    Refusal::new(
                        RefusalCode::NotFound,
                        format!("there is no published {profile}@{version}{}", suffix(wish.revision)),
                        format!("list its versions with `strata profile show {profile}`; a draft must be published first"),
                    )
                    .at("version"),
                ),
                other => other.into(),
            }
        })?;
        if found.state == VersionState::Deleted {
            return Err(deleted(&found.reference).at("version").into());
        }
        Ok(Attachment {
            profile_id: record.id,
            profile_type: record.profile_type,
            revision: found.reference,
            content_digest: found.record.digest,
        })
    }

    /// Turns names into references, and secret values into fingerprints.
    pub(crate) async fn composition_request(&self, wish: &Wish) -> Result<CompositionRequest, EngineError> {
        let mut request = CompositionRequest::new(self.caller.actor.name.clone(), self.now());
        for revision in &wish.attach {
            request.attach.push(self.resolve_revision(revision).await?);
        }
        for name in &wish.detach {
            request.detach.push(
                name.parse()
                    .map_err(|_| EngineError::from(Refusal::not_found("profile", name).at("detach")))?,
            );
        }
        for wanted in &wish.overrides {
            let change = match &wanted.edit {
                OverrideEdit::Patch(patch) => OverrideChange::Patch(patch.clone()),
                OverrideEdit::Values(text) => OverrideChange::Text(text.clone()),
            };
            request.overrides.push(OverrideRequest { layer: layer_name(&wanted.layer)?, change });
        }
        for layer in &wish.unset_overrides {
            request
                .overrides
                .push(OverrideRequest { layer: layer_name(layer)?, change: OverrideChange::Clear });
        }
        for name in &wish.unset_variables {
            request.variables.insert(name.clone(), None);
        }
        let sensitive = self.sensitive_variables(wish, &request).await?;
        for (name, value) in &wish.variables {
            let value = if sensitive.contains(name) {
                VariableValue::Sensitive(self.keep_secret(SecretText::new(value.clone())).await?)
            } else {
                VariableValue::Plain(value.clone())
            };
            request.variables.insert(name.clone(), Some(value));
        }
        request.control_plane = wish.control_plane.clone();
        request.node_pools = wish.node_pools.clone();
        request.rotate_generated = wish.rotate_generated;
        request.release_held = wish.release_held;
        if wish.take_updates {
            self.take_updates(wish, &mut request).await?;
        }
        request.resolutions = wish.resolutions.clone();
        Ok(request)
    }

    /// Adds the newest revisions of what is attached and not asked for otherwise. Macros come along with any request.
    async fn take_updates(&self, wish: &Wish, request: &mut CompositionRequest) -> Result<(), EngineError> {
        let cluster = self.cluster_named(&wish.cluster).await?;
        let Some(base) = self.composition_of(cluster.applied.or(cluster.wanted)).await? else {
            return Ok(());
        };
        for attached in base.attachments {
            let asked = request.attach.iter().any(|other| other.profile_id == attached.profile_id)
                || request.detach.contains(&attached.revision.profile);
            if asked {
                continue;
            }
            let RevisionReference { profile, version, .. } = attached.revision;
            let newest =
                RevisionWish { profile: profile.into(), version: version.to_string(), revision: None };
            request.attach.push(self.resolve_revision(&newest).await?);
        }
        Ok(())
    }

    /// The names of sensitive variables among the revisions that the cluster would run.
    async fn sensitive_variables(
        &self,
        wish: &Wish,
        request: &CompositionRequest,
    ) -> Result<std::collections::BTreeSet<String>, EngineError> {
        if wish.variables.is_empty() {
            return Ok(std::collections::BTreeSet::new());
        }
        let cluster = self.cluster_named(&wish.cluster).await?;
        let base = self.composition_of(cluster.applied.or(cluster.wanted)).await?;
        let revisions: Vec<RevisionReference> = request.attach.iter().map(|a| a.revision.clone()).collect();
        let contents = self.contents_of(base.as_ref(), &revisions, &[]).await?;
        let definitions = contents.profiles().values().flat_map(|content| content.variables.iter());
        Ok(definitions
            .filter(|definition| definition.sensitive)
            .map(|definition| definition.name.clone())
            .collect())
    }

    async fn keep_secret(&self, text: SecretText) -> Result<Fingerprint, EngineError> {
        let project = self.project;
        Ok(self
            .engine
            .store()
            .write(move |tx| Box::pin(async move { tx.secret_put(project, &text).await }))
            .await?)
    }
}

/// The generations of generated values that are drawn from.
fn generations(intent: &Intent, base: Option<&Composition>, earlier: Option<&Composition>) -> Vec<u32> {
    let generation = base.map_or(0, |composition| composition.generation);
    let mut generations = vec![generation];
    generations.extend(earlier.map(|earlier| earlier.generation));
    if matches!(intent, Intent::Compose { request, .. } if request.rotate_generated) {
        generations.push(generation.saturating_add(1));
    }
    generations.sort_unstable();
    generations.dedup();
    generations
}

/// What overrides say, as one text.
fn named_patches(intent: &Intent, base: Option<&Composition>) -> Result<String, EngineError> {
    let mut text = serde_json::to_string(&base.map(|base| &base.overrides))?;
    if let Intent::Compose { request, .. } = intent {
        text.push_str(&serde_json::to_string(&request.overrides)?);
    }
    Ok(text)
}

fn named_by(intent: &Intent) -> (Vec<RevisionReference>, Vec<Fingerprint>) {
    let Intent::Compose { request, .. } = intent else { return (Vec::new(), Vec::new()) };
    let revisions = request.attach.iter().map(|attachment| attachment.revision.clone()).collect();
    let secrets = request.variables.values().flatten().filter_map(VariableValue::secret).cloned();
    (revisions, secrets.collect())
}

fn layer_name(name: &str) -> Result<LayerName, EngineError> {
    name.parse().map_err(|_| {
        Refusal::new(
            RefusalCode::UnknownLayer,
            format!("there is no layer `{name}`"),
            "name a layer of a profile that is attached, or to be attached",
        )
        .at("layer")
        .into()
    })
}

fn suffix(revision: Option<u32>) -> String {
    revision.map_or_else(String::new, |revision| format!("#{revision}"))
}
