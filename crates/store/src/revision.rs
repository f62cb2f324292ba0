//! Revisions: frozen content of published versions. Their rows refuse UPDATE and DELETE in the database itself.

use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};
use strata_model::{
    access::Actor,
    digest::Digest,
    id::{ProfileId, ProfileVersionId, ProjectId, RevisionId},
    profile::{ProfileContent, ProfileName, ProfileType, RevisionReference, VersionState},
    version::Version,
};

use crate::{
    document::{from_text, instant, parsed, small, to_text},
    entity::revision::{Column, Entity, Model},
    error::{StoreError, on_unique},
    profile::Profile,
    profile_use::Uses,
    profile_version::{LifecycleNote, ProfileVersion},
    scope::Scoped,
    seal::Place,
    transaction::Tx,
};

/// A revision without its content.
#[derive(Debug, Clone, PartialEq)]
pub struct RevisionRecord {
    /// Its id.
    pub id: RevisionId,
    /// Its project.
    pub project: ProjectId,
    /// Its version.
    pub profile_version: ProfileVersionId,
    /// From 1.
    pub number: u32,
    /// The digest of its content, as whoever published it computed it.
    pub digest: Digest,
    /// When it was frozen.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: Actor,
    /// Why, for revisions after the first.
    pub reason: String,
}

/// A revision with its content and everything that names it.
#[derive(Debug, Clone, PartialEq)]
pub struct Revision {
    /// The row.
    pub record: RevisionRecord,
    /// Profile, version and revision.
    pub reference: RevisionReference,
    /// The profile.
    pub profile: ProfileId,
    /// Its type.
    pub profile_type: ProfileType,
    /// The state of the version.
    pub state: VersionState,
    /// What is frozen.
    pub content: ProfileContent,
}

fn read(row: &Model) -> Result<RevisionRecord, StoreError> {
    Ok(RevisionRecord {
        id: RevisionId::new(row.id),
        project: ProjectId::new(row.project),
        profile_version: ProfileVersionId::new(row.profile_version),
        number: small("revision", row.number)?,
        digest: parsed("revision", &row.digest)?,
        created_at: instant("revision", row.created_at)?,
        created_by: from_text("revision", row.id, &row.created_by)?,
        reason: row.reason.clone(),
    })
}

impl Scoped<'_> {
    /// The revisions of a version, the first one first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn revision_list(&self, version: ProfileVersionId) -> Result<Vec<RevisionRecord>, StoreError> {
        let rows = Entity::find()
            .filter(Column::Project.is_in(self.core.readable(self.project)))
            .filter(Column::ProfileVersion.eq(version.uuid()))
            .order_by_asc(Column::Number)
            .all(&self.connection)
            .await?;
        rows.iter().map(read).collect()
    }

    /// A revision by the names of its profile and version, and its number; the newest without one. Also of a deleted
    /// version: what runs somewhere can still be read.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such profile, version or revision; a draft has none.
    pub async fn revision_find(
        &self,
        profile: &ProfileName,
        version: &Version,
        number: Option<u32>,
    ) -> Result<Revision, StoreError> {
        let profile = self.profile_by_name(profile).await?;
        let version = self.profile_version_find(profile.id, version).await?;
        self.revision_of(profile, version, number).await
    }

    /// The revision that a reference names.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn revision_get(&self, reference: &RevisionReference) -> Result<Revision, StoreError> {
        self.revision_find(&reference.profile, &reference.version, Some(reference.revision)).await
    }

    /// A revision by id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn revision_by_id(&self, id: RevisionId) -> Result<Revision, StoreError> {
        let row = Entity::find_by_id(id.uuid())
            .filter(Column::Project.is_in(self.core.readable(self.project)))
            .one(&self.connection)
            .await?
            .ok_or_else(|| StoreError::not_found("revision", id))?;
        let version = self.profile_version_get(ProfileVersionId::new(row.profile_version)).await?;
        let profile = self.profile_get(version.profile).await?;
        self.whole(profile, version, &row)
    }

    async fn revision_of(
        &self,
        profile: Profile,
        version: ProfileVersion,
        number: Option<u32>,
    ) -> Result<Revision, StoreError> {
        let mut query = Entity::find()
            .filter(Column::Project.eq(version.project.uuid()))
            .filter(Column::ProfileVersion.eq(version.id.uuid()))
            .order_by_desc(Column::Number)
            .limit(1);
        if let Some(number) = number {
            query = query.filter(Column::Number.eq(i64::from(number)));
        }
        let row = query.one(&self.connection).await?.ok_or_else(|| {
            let number = number.map_or_else(String::new, |number| format!("#{number}"));
            StoreError::not_found("revision", format!("{}@{}{number}", profile.name, version.version))
        })?;
        self.whole(profile, version, &row)
    }

    fn whole(&self, profile: Profile, version: ProfileVersion, row: &Model) -> Result<Revision, StoreError> {
        let id = row.id.to_string();
        let place = Place { table: "revision", column: "content", row: &id };
        let record = read(row)?;
        Ok(Revision {
            reference: RevisionReference {
                profile: profile.name,
                version: version.version,
                revision: record.number,
            },
            profile: profile.id,
            profile_type: profile.profile_type,
            state: version.state,
            content: self.core.sealer.open_document(place, &row.content)?,
            record,
        })
    }
}

impl Tx {
    /// Publishes a draft: its content becomes revision 1, frozen for ever.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when the draft was edited since `expected_generation`, or published.
    pub async fn profile_version_publish(
        &self,
        project: ProjectId,
        id: ProfileVersionId,
        expected_generation: i64,
        digest: &Digest,
        actor: &Actor,
        note: &LifecycleNote,
    ) -> Result<RevisionRecord, StoreError> {
        let scope = self.project(project);
        let draft = match scope.draft_get(id).await {
            Err(error) if error.is_not_found() => return Err(StoreError::stale("draft", id)),
            other => other?,
        };
        self.draft_remove(project, id, Some(expected_generation)).await?;
        self.draft_uses_published(id).await?;
        self.lifecycle_append(project, id, VersionState::Draft, VersionState::Published, actor, note).await?;
        self.revision_insert(project, id, 1, &draft.content, digest, actor, &note.reason).await
    }

    /// Adds the next revision under the same version; the former are kept.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when the newest revision is no longer `after`.
    #[expect(clippy::too_many_arguments, reason = "each is a fact of the revision")]
    pub async fn profile_version_revise(
        &self,
        project: ProjectId,
        id: ProfileVersionId,
        after: u32,
        content: &ProfileContent,
        uses: &Uses,
        digest: &Digest,
        actor: &Actor,
        reason: &str,
    ) -> Result<RevisionRecord, StoreError> {
        let revisions = self.project(project).revision_list(id).await?;
        if revisions.last().map(|newest| newest.number) != Some(after) {
            return Err(StoreError::stale("profile version", id));
        }
        self.uses_insert(project, id, i64::from(after) + 1, uses).await?;
        self.revision_insert(project, id, after + 1, content, digest, actor, reason).await
    }

    #[expect(clippy::too_many_arguments, reason = "each is a column")]
    async fn revision_insert(
        &self,
        project: ProjectId,
        version: ProfileVersionId,
        number: u32,
        content: &ProfileContent,
        digest: &Digest,
        actor: &Actor,
        reason: &str,
    ) -> Result<RevisionRecord, StoreError> {
        let id = self.new_id();
        let text = id.to_string();
        let place = Place { table: "revision", column: "content", row: &text };
        let row = Model {
            id,
            project: project.uuid(),
            profile_version: version.uuid(),
            number: i64::from(number),
            digest: digest.to_string(),
            content: self.core.sealer.seal_document(place, content)?,
            created_at: self.now().as_microsecond(),
            created_by: to_text("revision", actor)?,
            reason: reason.to_owned(),
        };
        Entity::insert(row.clone().into_active_model())
            .exec_without_returning(&self.connection)
            .await
            .map_err(|error| on_unique(error, || StoreError::stale("profile version", version)))?;
        read(&row)
    }
}
