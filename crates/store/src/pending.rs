//! Pending updates: what a composition was made with, and is another by now.
//!
//! A version that was revised in place, or a macro that was set anew, changes no cluster by itself: each cluster on the former
//! keeps it until somebody brings it to what is there now.

use std::collections::BTreeMap;

use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Condition, Expr, ExprTrait, Func, Query, SelectStatement, SimpleExpr},
};
use strata_model::{
    id::CompositionId,
    macros::MacroName,
    profile::{ProfileName, RevisionReference},
    version::Version,
};
use uuid::Uuid;

use crate::{
    document::{parsed, small},
    entity::{cluster, composition_attachment, composition_macro, named_macro, profile_version, revision},
    error::StoreError,
    page::ID_BATCH,
    scope::Scoped,
};

/// Something that a composition was made with and that is another by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PendingUpdate {
    /// A version that it attaches was revised in place.
    Revision {
        /// What it attaches.
        running: RevisionReference,
        /// The newest revision of that version.
        newest: u32,
    },
    /// A macro that its values name stands for something else, or is new or gone.
    Macro {
        /// Its name.
        name: MacroName,
    },
}

impl Scoped<'_> {
    /// What is pending for compositions; those without are left out.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn pending_updates(
        &self,
        compositions: &[CompositionId],
    ) -> Result<BTreeMap<CompositionId, Vec<PendingUpdate>>, StoreError> {
        let mut pending: BTreeMap<CompositionId, Vec<PendingUpdate>> = BTreeMap::new();
        for batch in compositions.chunks(ID_BATCH) {
            let ids: Vec<Uuid> = batch.iter().map(|id| id.uuid()).collect();
            for (composition, update) in self.revised(&ids).await? {
                pending.entry(composition).or_default().push(update);
            }
            let moved: Vec<(Uuid, String)> = composition_macro::Entity::find()
                .filter(composition_macro::Column::Project.eq(self.project.uuid()))
                .filter(composition_macro::Column::Composition.is_in(ids))
                .filter(self.macro_moved())
                .select_only()
                .column(composition_macro::Column::Composition)
                .column(composition_macro::Column::Name)
                .order_by_asc(composition_macro::Column::Name)
                .into_tuple()
                .all(&self.connection)
                .await?;
            for (composition, name) in moved {
                let update = PendingUpdate::Macro { name: parsed("macro", &name)? };
                pending.entry(CompositionId::new(composition)).or_default().push(update);
            }
        }
        Ok(pending)
    }

    async fn revised(&self, ids: &[Uuid]) -> Result<Vec<(CompositionId, PendingUpdate)>, StoreError> {
        use composition_attachment::Column as Attached;
        let rows: Vec<(Uuid, i64, String, String, i64, Option<i64>)> = composition_attachment::Entity::find()
            .filter(Attached::Project.eq(self.project.uuid()))
            .filter(Attached::Composition.is_in(ids.iter().copied()))
            .select_only()
            .column(Attached::Composition)
            .column(Attached::Ordinal)
            .column(Attached::ProfileName)
            .column(Attached::Version)
            .column(Attached::Revision)
            .column_as(SimpleExpr::SubQuery(None, Box::new(newest_revision().into())), "newest")
            .order_by_asc(Attached::Composition)
            .order_by_asc(Attached::Ordinal)
            .into_tuple()
            .all(&self.connection)
            .await?;
        let mut revised = Vec::new();
        for (composition, _, profile, version, running, newest) in rows {
            let Some(newest) = newest.filter(|newest| *newest > running) else { continue };
            let running = RevisionReference {
                profile: parsed::<ProfileName>("profile", &profile)?,
                version: parsed::<Version>("profile_version", &version)?,
                revision: small("revision", running)?,
            };
            let newest = small("revision", newest)?;
            revised.push((CompositionId::new(composition), PendingUpdate::Revision { running, newest }));
        }
        Ok(revised)
    }

    /// Whether a row of `composition_macro` is another by now.
    fn macro_moved(&self) -> SimpleExpr {
        let digest_in = |project: Uuid| {
            let digest = Query::select()
                .column((named_macro::Entity, named_macro::Column::Digest))
                .from(named_macro::Entity)
                .and_where(Expr::col((named_macro::Entity, named_macro::Column::Project)).eq(project))
                .and_where(
                    Expr::col((named_macro::Entity, named_macro::Column::Name))
                        .equals((composition_macro::Entity, composition_macro::Column::Name)),
                )
                .to_owned();
            SimpleExpr::SubQuery(None, Box::new(digest.into()))
        };
        let [own, shared] = self.core.readable(self.project);
        let now = Func::coalesce([digest_in(own), digest_in(shared), Expr::val("")]);
        Expr::col((composition_macro::Entity, composition_macro::Column::Digest)).ne(now)
    }

    /// Whether anything is pending for what a row of `cluster` runs.
    pub(crate) fn has_pending_updates(&self) -> Condition {
        use composition_attachment::Column as Attached;
        let applied = (cluster::Entity, cluster::Column::Applied);
        let revised = composition_attachment::Entity::find()
            .select_only()
            .column(Attached::Composition)
            .filter(Expr::col((composition_attachment::Entity, Attached::Composition)).equals(applied))
            .filter(
                Expr::col((composition_attachment::Entity, Attached::Revision))
                    .lt(SimpleExpr::SubQuery(None, Box::new(newest_revision().into()))),
            )
            .into_query();
        let moved = composition_macro::Entity::find()
            .select_only()
            .column(composition_macro::Column::Composition)
            .filter(
                Expr::col((composition_macro::Entity, composition_macro::Column::Composition))
                    .equals(applied),
            )
            .filter(self.macro_moved())
            .into_query();
        Condition::any().add(Expr::exists(revised)).add(Expr::exists(moved))
    }
}

/// The newest revision of the version that a row of `composition_attachment` names.
fn newest_revision() -> SelectStatement {
    use composition_attachment::Column as Attached;
    Query::select()
        .expr(Func::max(Expr::col((revision::Entity, revision::Column::Number))))
        .from(revision::Entity)
        .inner_join(
            profile_version::Entity,
            Expr::col((profile_version::Entity, profile_version::Column::Id))
                .equals((revision::Entity, revision::Column::ProfileVersion)),
        )
        .and_where(
            Expr::col((profile_version::Entity, profile_version::Column::Profile))
                .equals((composition_attachment::Entity, Attached::Profile)),
        )
        .and_where(
            Expr::col((profile_version::Entity, profile_version::Column::Version))
                .equals((composition_attachment::Entity, Attached::Version)),
        )
        .to_owned()
}
