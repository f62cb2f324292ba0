//! What profile versions name: packs and macros. So that who uses one is one query.

use std::collections::BTreeSet;

use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr,
};
use strata_model::{
    id::{ProfileVersionId, ProjectId},
    macros::MacroName,
    profile::{ProfileName, VersionState},
    version::Version,
};

use crate::{
    document::{named, parsed, small},
    entity::{
        profile,
        profile_use::{Column, Entity, Model},
        profile_version,
    },
    error::StoreError,
    page::ID_BATCH,
    scope::Scoped,
    transaction::Tx,
};

/// What some content names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uses {
    /// Packs, by name and version.
    pub packs: BTreeSet<(String, String)>,
    /// Macros.
    pub macros: BTreeSet<MacroName>,
}

/// What is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Used<'a> {
    /// A version of a pack, by name and version.
    Pack(&'a str, &'a str),
    /// A macro.
    Macro(&'a MacroName),
}

impl Used<'_> {
    const fn noun(&self) -> &'static str {
        match self {
            Self::Pack(..) => PACK,
            Self::Macro(_) => MACRO,
        }
    }
}

/// A draft or revision that uses something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileUse {
    /// The profile.
    pub profile: ProfileName,
    /// The version.
    pub version: Version,
    /// Its state.
    pub state: VersionState,
    /// Which of its revisions; none for the draft.
    pub revision: Option<u32>,
}

const PACK: &str = "PACK";
const MACRO: &str = "MACRO";
/// Stands for the draft.
const DRAFT: i64 = 0;

impl Scoped<'_> {
    /// The drafts and revisions, of this project and the shared one, that name something; by profile and version.
    /// Deleted versions do not count.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn profiles_using(&self, used: Used<'_>, limit: u64) -> Result<Vec<ProfileUse>, StoreError> {
        let mut query = Entity::find()
            .filter(Column::Project.is_in(self.core.readable(self.project)))
            .filter(Column::Noun.eq(used.noun()));
        query = match used {
            Used::Pack(name, version) => {
                query.filter(Column::Name.eq(name)).filter(Column::Version.eq(version))
            }
            Used::Macro(name) => query.filter(Column::Name.eq(name.as_str())),
        };
        let rows: Vec<(String, String, String, i64)> = query
            .join(sea_orm::JoinType::InnerJoin, version_of())
            .join(sea_orm::JoinType::InnerJoin, profile_of())
            .filter(profile_version::Column::State.ne(VersionState::Deleted.as_str()))
            .select_only()
            .column(profile::Column::Name)
            .column(profile_version::Column::Version)
            .column(profile_version::Column::State)
            .column(Column::Revision)
            .order_by_asc(profile::Column::Name)
            .order_by_asc(profile_version::Column::SortKey)
            .order_by_asc(Column::Revision)
            .limit(limit)
            .into_tuple()
            .all(&self.connection)
            .await?;
        let uses = rows.into_iter().map(|(profile, version, state, revision)| {
            Ok(ProfileUse {
                profile: parsed("profile", &profile)?,
                version: parsed("profile_version", &version)?,
                state: named("profile_version", &state)?,
                revision: if revision == DRAFT { None } else { Some(small("profile_use", revision)?) },
            })
        });
        uses.collect()
    }
}

fn version_of() -> sea_orm::RelationDef {
    Entity::belongs_to(profile_version::Entity)
        .from(Column::ProfileVersion)
        .to(profile_version::Column::Id)
        .into()
}

fn profile_of() -> sea_orm::RelationDef {
    profile_version::Entity::belongs_to(profile::Entity)
        .from(profile_version::Column::Profile)
        .to(profile::Column::Id)
        .into()
}

impl Tx {
    /// Notes what the draft of a version names.
    pub(crate) async fn draft_uses(
        &self,
        project: ProjectId,
        version: ProfileVersionId,
        uses: &Uses,
    ) -> Result<(), StoreError> {
        self.draft_uses_forgotten(version).await?;
        self.uses_insert(project, version, DRAFT, uses).await
    }

    /// Forgets what the draft of a version named.
    pub(crate) async fn draft_uses_forgotten(&self, version: ProfileVersionId) -> Result<(), StoreError> {
        Entity::delete_many()
            .filter(Column::ProfileVersion.eq(version.uuid()))
            .filter(Column::Revision.eq(DRAFT))
            .exec(&self.connection)
            .await?;
        Ok(())
    }

    /// What the draft names, its first revision names.
    pub(crate) async fn draft_uses_published(&self, version: ProfileVersionId) -> Result<(), StoreError> {
        Entity::update_many()
            .col_expr(Column::Revision, Expr::value(1_i64))
            .filter(Column::ProfileVersion.eq(version.uuid()))
            .filter(Column::Revision.eq(DRAFT))
            .exec(&self.connection)
            .await?;
        Ok(())
    }

    /// Notes what content names.
    pub(crate) async fn uses_insert(
        &self,
        project: ProjectId,
        version: ProfileVersionId,
        revision: i64,
        uses: &Uses,
    ) -> Result<(), StoreError> {
        let row = |noun: &str, name: &str, pack_version: &str| {
            Model {
                profile_version: version.uuid(),
                revision,
                noun: noun.to_owned(),
                name: name.to_owned(),
                version: pack_version.to_owned(),
                project: project.uuid(),
            }
            .into_active_model()
        };
        let packs = uses.packs.iter().map(|(name, version)| row(PACK, name, version));
        let rows: Vec<_> =
            packs.chain(uses.macros.iter().map(|name| row(MACRO, name.as_str(), ""))).collect();
        for batch in rows.chunks(ID_BATCH) {
            Entity::insert_many(batch.to_vec()).exec_without_returning(&self.connection).await?;
        }
        Ok(())
    }
}
