//! What versions of profiles say: shown, judged, compared, exported.

use std::collections::BTreeSet;

use strata_document::ProfileDocument;
use strata_model::{
    digest::Digest,
    error::{Refusal, RefusalCode},
    problem::Problem,
    profile::{ProfileContent, ProfileName, ProfileType, RevisionReference},
    secret::masks_in,
    version::{InvalidVersion, KubernetesVersion, Version},
};
use strata_plan::comparison::{Comparison, Side};
use strata_render::Given;
use strata_store::Optional as _;

use crate::{error::EngineError, session::Session, wish::RevisionWish};

/// What a draft or a revision says, in the clear.
pub(crate) struct VersionContent {
    profile: ProfileName,
    profile_type: ProfileType,
    version: Version,
    /// None for a draft.
    revision: Option<u32>,
    pub(crate) content: ProfileContent,
}

impl VersionContent {
    /// What to call it.
    fn name(&self) -> String {
        let Self { profile, version, revision, .. } = self;
        match revision {
            Some(revision) => {
                let (profile, version) = (profile.clone(), version.clone());
                RevisionReference { profile, version, revision: *revision }.to_string()
            }
            None => format!("{profile}@{version} (draft)"),
        }
    }
}

/// A version as a document.
#[derive(Debug, Clone)]
pub struct ExportedProfile {
    /// What was exported: profile, version and revision, or the draft.
    pub name: String,
    /// The document.
    pub document: ProfileDocument,
    /// The digest of the content; keyed where secrets are in it.
    pub content_digest: Digest,
    /// What stands for secrets in it: an import asks for each.
    pub masks: Vec<String>,
}

impl Session {
    /// What a revision says, the newest when none is named; what the draft says where nothing is published.
    pub(crate) async fn version_content(
        &self,
        profile: &ProfileName,
        version: &Version,
        revision: Option<u32>,
    ) -> Result<Option<VersionContent>, EngineError> {
        let rows = self.rows();
        if let Some(found) = rows.revision_find(profile, version, revision).await.optional()? {
            return Ok(Some(VersionContent {
                profile: found.reference.profile,
                profile_type: found.profile_type,
                version: found.reference.version,
                revision: Some(found.record.number),
                content: found.content,
            }));
        }
        let Some(found) = rows.profile_by_name(profile).await.optional()? else { return Ok(None) };
        let Some(there) = rows.profile_version_find(found.id, version).await.optional()? else {
            return Ok(None);
        };
        let draft = rows.draft_get(there.id).await.optional()?.filter(|_| revision.is_none());
        Ok(draft.map(|draft| VersionContent {
            profile: found.name,
            profile_type: found.profile_type,
            version: there.version,
            revision: None,
            content: draft.content,
        }))
    }

    /// The content of a version: of a revision, or of its draft; secrets masked. Says which revision it is.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn profile_content(
        &self,
        profile: &str,
        version: &Version,
        revision: Option<u32>,
    ) -> Result<Option<(Option<u32>, ProfileContent)>, EngineError> {
        self.readable()?;
        let Ok(name) = profile.parse() else { return Ok(None) };
        match self.version_content(&name, version, revision).await? {
            Some(found) => Ok(Some((found.revision, self.masked_content(found.content).await?))),
            None => Ok(None),
        }
    }

    /// The digest of that content, as compositions and rollouts name it.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn profile_content_digest(
        &self,
        profile: &str,
        version: &Version,
        revision: Option<u32>,
    ) -> Result<Option<Digest>, EngineError> {
        self.readable()?;
        let Ok(name) = profile.parse() else { return Ok(None) };
        match self.version_content(&name, version, revision).await? {
            Some(found) => self.digest_of(&found.content).await.map(Some),
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
        self.readable()?;
        let Ok(name) = profile.parse() else { return Ok(None) };
        match self.version_content(&name, version, revision).await? {
            Some(found) => Ok(Some(self.problems_of(found.profile_type, &found.content).await?)),
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
        let mut packs = self.packs_of(&before.content).await?;
        packs.extend(self.packs_of(&after.content).await?);
        let given = Given { kube_version, api_versions, ..self.given().await? };
        let key = self.engine.store().digest_key().clone();
        let compare = move || {
            let names = (before.name(), after.name());
            let before = Side { name: &names.0, content: &before.content };
            let after = Side { name: &names.1, content: &after.content };
            strata_plan::comparison::compare(before, after, &packs, &given, &key)
        };
        tokio::task::spawn_blocking(compare).await.map_err(EngineError::internal)
    }

    /// A draft or revision as a document; secrets masked.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `INVALID_VERSION`.
    pub async fn export_profile(&self, wish: &RevisionWish) -> Result<ExportedProfile, EngineError> {
        self.readable()?;
        let found = self.content_named(wish).await?;
        let name = found.name();
        let VersionContent { profile, profile_type, version, content, .. } = found;
        let content_digest = self.digest_of(&content).await?;
        let macros = self.uses_of(&content).await?.macros.into_iter().map(String::from).collect();
        let content = self.masked_content(content).await?;
        let texts = content
            .layers
            .iter()
            .flat_map(|layer| layer.manifests.iter().map(|manifest| &manifest.text).chain([&layer.values]));
        let masks: BTreeSet<String> = texts.flat_map(|text| masks_in(text)).collect();
        let document =
            ProfileDocument::of(profile.as_str(), profile_type, &version.to_string(), &content, macros);
        Ok(ExportedProfile { name, document, content_digest, masks: masks.into_iter().collect() })
    }

    /// What the draft or revision says that somebody named.
    async fn content_named(&self, wish: &RevisionWish) -> Result<VersionContent, EngineError> {
        let missing = || {
            let revision = wish.revision.map_or_else(String::new, |revision| format!("#{revision}"));
            let name = format!("{}@{}{revision}", wish.profile, wish.version);
            EngineError::from(Refusal::not_found("profile", name))
        };
        let profile: ProfileName = wish.profile.parse().map_err(|_| missing())?;
        let version: Version = wish.version.parse().map_err(|error: InvalidVersion| {
            Refusal::new(RefusalCode::InvalidVersion, error.to_string(), "see https://semver.org")
        })?;
        self.version_content(&profile, &version, wish.revision).await?.ok_or_else(missing)
    }
}
