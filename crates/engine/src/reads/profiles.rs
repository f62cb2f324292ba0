//! Profiles, their versions and revisions.

use strata_model::{
    Timestamp,
    digest::Digest,
    id::{ProfileId, ProfileVersionId},
    profile::{ProfileName, ProfileType, VersionState},
    version::Version,
};
use strata_store::{Optional as _, Profile, ProfileVersion};

use super::{Page, PageOf, shown};
use crate::{error::EngineError, session::Session};

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
