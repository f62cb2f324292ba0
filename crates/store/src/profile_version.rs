//! Versions of profiles: drafts, lifecycle, tombstones.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, ExprTrait},
};
use strata_model::{
    access::Actor,
    composition::Attachment,
    id::{ProfileId, ProfileVersionId, ProjectId},
    profile::{ProfileContent, RevisionReference, VersionState},
    version::Version,
};

use crate::{
    cluster_filter::after,
    document::{from_text, instant, name_of, named, parsed, to_text},
    entity::{
        draft, lifecycle,
        profile_version::{Column, Entity, Model},
    },
    error::{StoreError, on_unique},
    page::{Cursor, Edge, Page, PageOf},
    profile::Profile,
    profile_use::Uses,
    scope::Scoped,
    seal::Place,
    transaction::Tx,
};

/// A version of a profile, without its content.
#[derive(Debug, Clone, PartialEq)]
pub struct ProfileVersion {
    /// Its id.
    pub id: ProfileVersionId,
    /// Its project.
    pub project: ProjectId,
    /// Its profile.
    pub profile: ProfileId,
    /// The version; unique in the profile, build metadata left aside, for ever.
    pub version: Version,
    /// Where it stands.
    pub state: VersionState,
    /// When it was made.
    pub created_at: Timestamp,
    /// How it came there, the oldest step first.
    pub lifecycle: Vec<LifecycleStep>,
}

/// One step in the life of a version.
#[derive(Debug, Clone, PartialEq)]
pub struct LifecycleStep {
    /// Where it went.
    pub state: VersionState,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// From when on it should not be used any more.
    pub sunset: Option<Timestamp>,
    /// What to use instead.
    pub successor: Option<Version>,
    /// Why.
    pub reason: String,
}

/// What is said along with a step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LifecycleNote {
    /// From when on it should not be used any more.
    pub sunset: Option<Timestamp>,
    /// What to use instead.
    pub successor: Option<Version>,
    /// Why.
    pub reason: String,
}

/// The content of a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// What it says now.
    pub content: ProfileContent,
    /// Grows with each edit: what a compare-and-set expects.
    pub generation: i64,
    /// When it was edited last.
    pub updated_at: Timestamp,
    /// By whom.
    pub updated_by: String,
}

fn step(row: lifecycle::Model) -> Result<LifecycleStep, StoreError> {
    Ok(LifecycleStep {
        state: named("profile_version", &row.state)?,
        at: instant("profile_version", row.at)?,
        actor: from_text("profile_version", row.profile_version, &row.actor)?,
        sunset: row.sunset.map(|at| instant("profile_version", at)).transpose()?,
        successor: row.successor.as_deref().map(|text| parsed("profile_version", text)).transpose()?,
        reason: row.reason,
    })
}

fn draft_place(id: &str) -> Place<'_> {
    Place { table: "draft", column: "content", row: id }
}

impl Scoped<'_> {
    pub(crate) fn profile_versions(&self) -> Select<Entity> {
        Entity::find().filter(Column::Project.is_in(self.core.readable(self.project)))
    }

    async fn with_lifecycle(&self, rows: Vec<Model>) -> Result<Vec<ProfileVersion>, StoreError> {
        let steps = lifecycle::Entity::find()
            .filter(lifecycle::Column::ProfileVersion.is_in(rows.iter().map(|row| row.id)))
            .order_by_asc(lifecycle::Column::Seq)
            .all(&self.connection)
            .await?;
        let mut by_version = BTreeMap::<_, Vec<LifecycleStep>>::new();
        for row in steps {
            by_version.entry(row.profile_version).or_default().push(step(row)?);
        }
        let versions = rows.into_iter().map(|row| {
            Ok(ProfileVersion {
                id: ProfileVersionId::new(row.id),
                project: ProjectId::new(row.project),
                profile: ProfileId::new(row.profile),
                version: parsed("profile_version", &row.version)?,
                state: named("profile_version", &row.state)?,
                created_at: instant("profile_version", row.created_at)?,
                lifecycle: by_version.remove(&row.id).unwrap_or_default(),
            })
        });
        versions.collect()
    }

    async fn one_version(
        &self,
        row: Option<Model>,
        name: impl std::fmt::Display,
    ) -> Result<ProfileVersion, StoreError> {
        let row = row.ok_or_else(|| StoreError::not_found("profile version", &name))?;
        let mut versions = self.with_lifecycle(vec![row]).await?;
        versions.pop().ok_or_else(|| StoreError::not_found("profile version", name))
    }

    /// A version by id, also a deleted one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn profile_version_get(&self, id: ProfileVersionId) -> Result<ProfileVersion, StoreError> {
        let row = self.profile_versions().filter(Column::Id.eq(id.uuid())).one(&self.connection).await?;
        self.one_version(row, id).await
    }

    /// A version of a profile; build metadata does not count. Also a deleted one: its tombstone.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn profile_version_find(
        &self,
        profile: ProfileId,
        version: &Version,
    ) -> Result<ProfileVersion, StoreError> {
        let row = self
            .profile_versions()
            .filter(Column::Profile.eq(profile.uuid()))
            .filter(Column::VersionWithoutBuild.eq(version.without_build()))
            .one(&self.connection)
            .await?;
        self.one_version(row, version).await
    }

    /// The versions of a profile in any of these states (all but deleted when empty), by SemVer precedence, the
    /// highest first.
    ///
    /// # Errors
    /// [`StoreError::InvalidCursor`], or when the database refuses.
    pub async fn profile_version_list(
        &self,
        profile: ProfileId,
        states: &[VersionState],
        page: &Page,
    ) -> Result<PageOf<ProfileVersion>, StoreError> {
        let mut query = self
            .versions_filtered(profile, states)
            .order_by_desc(Column::SortKey)
            .order_by_desc(Column::Id)
            .limit(page.limit());
        if let Some(cursor) = &page.after {
            let (key, id) = cursor.text_and_id()?;
            query = query.filter(after(Column::SortKey, key, Column::Id, id, true));
        }
        let rows = query.all(&self.connection).await?;
        let cursors: Vec<Cursor> = rows.iter().map(|row| Cursor::of(row.sort_key.clone(), row.id)).collect();
        let nodes = self.with_lifecycle(rows).await?;
        let edges = cursors.into_iter().zip(nodes).map(|(cursor, node)| Edge { cursor, node }).collect();
        Ok(PageOf::cut(page, edges))
    }

    /// How many versions of a profile are in any of these states (all but deleted when empty).
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn profile_version_count(
        &self,
        profile: ProfileId,
        states: &[VersionState],
    ) -> Result<u64, StoreError> {
        Ok(self.versions_filtered(profile, states).count(&self.connection).await?)
    }

    fn versions_filtered(&self, profile: ProfileId, states: &[VersionState]) -> Select<Entity> {
        let query = self.profile_versions().filter(Column::Profile.eq(profile.uuid()));
        if states.is_empty() {
            query.filter(Column::State.ne(VersionState::Deleted.as_str()))
        } else {
            query.filter(Column::State.is_in(states.iter().map(|state| state.as_str())))
        }
    }

    /// The draft of a version.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the version has been published, or is not there.
    pub async fn draft_get(&self, id: ProfileVersionId) -> Result<Draft, StoreError> {
        let row = draft::Entity::find_by_id(id.uuid())
            .filter(draft::Column::Project.is_in(self.core.readable(self.project)))
            .one(&self.connection)
            .await?
            .ok_or_else(|| StoreError::not_found("draft", id))?;
        let text = row.profile_version.to_string();
        Ok(Draft {
            content: self.core.sealer.open_document(draft_place(&text), &row.content)?,
            generation: row.generation,
            updated_at: instant("draft", row.updated_at)?,
            updated_by: row.updated_by,
        })
    }
}

impl Tx {
    /// Keeps the versions that are attached from being deleted until this transaction ends; those that are deleted already.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn attachments_hold(
        &self,
        project: ProjectId,
        attachments: &[Attachment],
    ) -> Result<Vec<RevisionReference>, StoreError> {
        let mut gone = Vec::new();
        for attachment in attachments {
            let state: Option<String> = self
                .project(project)
                .profile_versions()
                .filter(Column::Profile.eq(attachment.profile_id.uuid()))
                .filter(Column::Version.eq(attachment.revision.version.to_string()))
                .select_only()
                .column(Column::State)
                // Whoever deletes it waits until this is committed, and then finds it in use.
                .lock_shared()
                .into_tuple()
                .one(&self.connection)
                .await?;
            if state.as_deref().is_none_or(|state| state == VersionState::Deleted.as_str()) {
                gone.push(attachment.revision.clone());
            }
        }
        Ok(gone)
    }

    /// Makes a version of a profile, in state DRAFT, with its first content.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] when the profile has or had this version; build metadata does not tell versions apart.
    pub async fn profile_version_insert(
        &self,
        profile: &Profile,
        version: &Version,
        content: &ProfileContent,
        uses: &Uses,
        actor: &Actor,
    ) -> Result<ProfileVersion, StoreError> {
        let id = self.new_id();
        let now = self.now().as_microsecond();
        let row = Model {
            id,
            project: profile.project.uuid(),
            profile: profile.id.uuid(),
            version: version.to_string(),
            version_without_build: version.without_build(),
            sort_key: version.sort_key(),
            state: VersionState::Draft.as_str().to_owned(),
            created_at: now,
        };
        let duplicate = || StoreError::Duplicate {
            noun: "profile version",
            name: format!("{}@{}", profile.name, version.without_build()),
        };
        Entity::insert(row.into_active_model())
            .exec_without_returning(&self.connection)
            .await
            .map_err(|error| on_unique(error, duplicate))?;
        let text = id.to_string();
        let draft = draft::Model {
            profile_version: id,
            project: profile.project.uuid(),
            content: self.core.sealer.seal_document(draft_place(&text), content)?,
            generation: 1,
            updated_at: now,
            updated_by: actor.name.clone(),
        };
        draft::Entity::insert(draft.into_active_model()).exec_without_returning(&self.connection).await?;
        let id = ProfileVersionId::new(id);
        self.draft_uses(profile.project, id, uses).await?;
        self.step_insert(profile.project, id, VersionState::Draft, actor, &LifecycleNote::default()).await?;
        self.project(profile.project).profile_version_get(id).await
    }

    /// Replaces the content of a draft. The new generation.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when somebody else edited it, or it was published.
    pub async fn draft_update(
        &self,
        project: ProjectId,
        id: ProfileVersionId,
        expected_generation: i64,
        content: &ProfileContent,
        uses: &Uses,
        actor: &Actor,
    ) -> Result<i64, StoreError> {
        let text = id.to_string();
        let sealed = self.core.sealer.seal_document(draft_place(&text), content)?;
        let saved = draft::Entity::update_many()
            .col_expr(draft::Column::Content, Expr::value(sealed))
            .col_expr(draft::Column::Generation, Expr::col(draft::Column::Generation).add(1))
            .col_expr(draft::Column::UpdatedAt, Expr::value(self.now().as_microsecond()))
            .col_expr(draft::Column::UpdatedBy, Expr::value(actor.name.as_str()))
            .filter(draft::Column::ProfileVersion.eq(id.uuid()))
            .filter(draft::Column::Project.eq(project.uuid()))
            .filter(draft::Column::Generation.eq(expected_generation))
            .exec(&self.connection)
            .await?;
        if saved.rows_affected == 0 {
            return Err(StoreError::stale("draft", id));
        }
        self.draft_uses(project, id, uses).await?;
        Ok(expected_generation + 1)
    }

    /// Takes the draft of a version away, at a generation: part of publishing and deleting.
    pub(crate) async fn draft_remove(
        &self,
        project: ProjectId,
        id: ProfileVersionId,
        expected_generation: Option<i64>,
    ) -> Result<(), StoreError> {
        let mut gone = draft::Entity::delete_many()
            .filter(draft::Column::ProfileVersion.eq(id.uuid()))
            .filter(draft::Column::Project.eq(project.uuid()));
        if let Some(generation) = expected_generation {
            gone = gone.filter(draft::Column::Generation.eq(generation));
        }
        let gone = gone.exec(&self.connection).await?;
        if gone.rows_affected == 0 && expected_generation.is_some() {
            return Err(StoreError::stale("draft", id));
        }
        Ok(())
    }

    /// Moves a version on in its life: `DEPRECATED`, `DELETED` (a tombstone stays), or `PUBLISHED` again.
    /// Publishing a draft is [`Tx::profile_version_publish`].
    ///
    /// # Errors
    /// [`StoreError::Stale`] when the version is no longer in state `from`.
    pub async fn lifecycle_append(
        &self,
        project: ProjectId,
        id: ProfileVersionId,
        from: VersionState,
        to: VersionState,
        actor: &Actor,
        note: &LifecycleNote,
    ) -> Result<(), StoreError> {
        let moved = Entity::update_many()
            .col_expr(Column::State, Expr::value(name_of("profile_version", &to)?))
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::Project.eq(project.uuid()))
            .filter(Column::State.eq(from.as_str()))
            .exec(&self.connection)
            .await?;
        if moved.rows_affected == 0 {
            return Err(StoreError::stale("profile version", id));
        }
        if to == VersionState::Deleted {
            self.draft_remove(project, id, None).await?;
            self.draft_uses_forgotten(id).await?;
        }
        self.step_insert(project, id, to, actor, note).await
    }

    async fn step_insert(
        &self,
        project: ProjectId,
        id: ProfileVersionId,
        state: VersionState,
        actor: &Actor,
        note: &LifecycleNote,
    ) -> Result<(), StoreError> {
        let last: Option<Option<i64>> = lifecycle::Entity::find()
            .select_only()
            .column_as(lifecycle::Column::Seq.max(), "seq")
            .filter(lifecycle::Column::ProfileVersion.eq(id.uuid()))
            .into_tuple()
            .one(&self.connection)
            .await?;
        let row = lifecycle::Model {
            project: project.uuid(),
            profile_version: id.uuid(),
            seq: last.flatten().unwrap_or(0) + 1,
            state: state.as_str().to_owned(),
            at: self.now().as_microsecond(),
            actor: to_text("profile_version", actor)?,
            sunset: note.sunset.map(Timestamp::as_microsecond),
            successor: note.successor.as_ref().map(ToString::to_string),
            reason: note.reason.clone(),
        };
        lifecycle::Entity::insert(row.into_active_model()).exec_without_returning(&self.connection).await?;
        Ok(())
    }
}
