//! Profiles, their versions and revisions.

use strata_document::ProfileDocument;
use strata_model::{
    Timestamp,
    digest::Digest,
    error::{Refusal, RefusalCode},
    id::{ProfileId, ProfileVersionId},
    problem::Problem,
    profile::{ProfileContent, ProfileName, ProfileType, VersionState},
    secret::masks_in,
    version::{InvalidVersion, KubernetesVersion, Version},
};
use strata_plan::comparison::{Comparison, Side};
use strata_render::Given;
use strata_store::{Optional as _, Profile, ProfileVersion};

use super::{Page, PageOf, shown};
use crate::{error::EngineError, session::Session, wish::RevisionWish};

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

/// A version as a document.
#[derive(Debug, Clone)]
pub struct ExportedProfile {
    /// What was exported: profile, version and revision, or the draft.
    pub name: String,
    /// The document.
    pub document: ProfileDocument,
    /// The digest of the content in the clear.
    pub content_digest: Digest,
    /// What stands for secrets in it: an import asks for each.
    pub masks: Vec<String>,
}

impl Session {
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

    /// Every problem of a version: of its draft, or of a revision on what its packs and macros are now.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn profile_problems(
        &self,
        profile: &str,
        version: &Version,
        revision: Option<u32>,
    ) -> Result<Option<Vec<Problem>>, EngineError> {
        let rows = self.readable()?;
        let Ok(name) = profile.parse::<ProfileName>() else { return Ok(None) };
        if let Some(found) = rows.revision_find(&name, version, revision).await.optional()? {
            return Ok(Some(self.problems_of(found.profile_type, &found.content).await?));
        }
        let Some(found) = rows.profile_by_name(&name).await.optional()? else { return Ok(None) };
        let Some(there) = rows.profile_version_find(found.id, version).await.optional()? else {
            return Ok(None);
        };
        match rows.draft_get(there.id).await.optional()?.filter(|_| revision.is_none()) {
            Some(draft) => Ok(Some(self.problems_of(found.profile_type, &draft.content).await?)),
            None => Ok(None),
        }
    }

    /// What is different between two versions, drafts or revisions, of whatever profiles; secrets masked. Objects are those
    /// of clusters of a Kubernetes version that serve these API versions beside the usual ones.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `INVALID_VERSION`.
    pub async fn compare_profile_versions(
        &self,
        from: &RevisionWish,
        to: &RevisionWish,
        kube_version: Option<KubernetesVersion>,
        api_versions: Vec<String>,
    ) -> Result<Comparison, EngineError> {
        self.readable()?;
        let (before, after) = (self.content_named(from).await?, self.content_named(to).await?);
        let mut packs = self.packs_of(&before.1).await?;
        packs.extend(self.packs_of(&after.1).await?);
        let given = Given { kube_version, api_versions, ..self.given().await? };
        let key = self.engine.store().digest_key().clone();
        let compare = move || {
            let before = Side { name: &before.0, content: &before.1 };
            let after = Side { name: &after.0, content: &after.1 };
            strata_plan::comparison::compare(before, after, &packs, &given, &key)
        };
        tokio::task::spawn_blocking(compare).await.map_err(EngineError::internal)
    }

    /// A draft or revision as a document; passwords masked.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `INVALID_VERSION`.
    pub async fn export_profile(&self, wish: &RevisionWish) -> Result<ExportedProfile, EngineError> {
        let rows = self.readable()?;
        let (name, content) = self.content_named(wish).await?;
        let profile = rows.profile_by_name(&wish.profile.parse().map_err(EngineError::internal)?).await?;
        // A digest of secrets that anybody could try is none: with secrets in it, it is keyed.
        let content_digest = if self.secrets_in(&content).await?.is_empty() {
            content.digest()
        } else {
            self.engine.store().digest_key().document("content", &serde_json::to_value(&content)?)
        };
        let macros = self.uses_of(&content).await?.macros.into_iter().map(String::from).collect();
        let content = self.masked_content(content).await?;
        let texts = content
            .layers
            .iter()
            .flat_map(|layer| layer.manifests.iter().map(|manifest| &manifest.text).chain([&layer.values]));
        let masks = texts.flat_map(|text| masks_in(text));
        let masks = masks.collect::<std::collections::BTreeSet<_>>().into_iter().collect();
        let version = wish.version.as_str();
        let document =
            ProfileDocument::of(profile.name.as_str(), profile.profile_type, version, &content, macros);
        Ok(ExportedProfile { name, document, content_digest, masks })
    }

    /// The content of the draft or revision that somebody named, in the clear, and what to call it.
    async fn content_named(&self, wish: &RevisionWish) -> Result<(String, ProfileContent), EngineError> {
        let missing = || {
            let revision = wish.revision.map_or_else(String::new, |revision| format!("#{revision}"));
            let name = format!("{}@{}{revision}", wish.profile, wish.version);
            EngineError::from(Refusal::not_found("profile", name))
        };
        let profile: ProfileName = wish.profile.parse().map_err(|_| missing())?;
        let version: Version = wish.version.parse().map_err(|error: InvalidVersion| {
            Refusal::new(RefusalCode::InvalidVersion, error.to_string(), "see https://semver.org")
        })?;
        let rows = self.rows();
        if let Some(found) = rows.revision_find(&profile, &version, wish.revision).await.optional()? {
            return Ok((found.reference.to_string(), found.content));
        }
        let found = rows.profile_by_name(&profile).await.optional()?.ok_or_else(missing)?;
        let there = rows.profile_version_find(found.id, &version).await.optional()?.ok_or_else(missing)?;
        let draft = rows.draft_get(there.id).await.optional()?.filter(|_| wish.revision.is_none());
        let draft = draft.ok_or_else(missing)?;
        Ok((format!("{profile}@{version} (draft)"), draft.content))
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
}
