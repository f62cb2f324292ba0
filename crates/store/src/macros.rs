//! Macros: named values, sealed. A project reads its own and those of the shared project; its own win.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Select,
    sea_query::{Expr, ExprTrait},
};
use serde::{Deserialize, Serialize};
use strata_model::{
    access::Actor,
    digest::DigestKey,
    id::{MacroId, ProjectId},
    macros::MacroName,
    variable::VariableValue,
};

use crate::{
    cluster_filter::after,
    document::{instant, parsed},
    entity::{
        cluster, composition_macro,
        named_macro::{Column, Entity, Model},
    },
    error::{StoreError, on_unique},
    page::{Cursor, Edge, Page, PageOf},
    scope::Scoped,
    seal::Place,
    transaction::Tx,
};

/// A macro.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Macro {
    /// Its id.
    pub id: MacroId,
    /// Its project: the one asked, or the shared one.
    pub project: ProjectId,
    /// Unique in its project.
    pub name: MacroName,
    /// What it stands for.
    pub value: VariableValue,
    /// What it is for, in its author's words.
    pub description: String,
    /// Grows with each edit: what a compare-and-set expects.
    pub generation: i64,
    /// When it was edited last.
    pub updated_at: Timestamp,
    /// By whom.
    pub updated_by: String,
}

/// The sealed part of a row.
#[derive(Serialize, Deserialize)]
struct Content {
    value: VariableValue,
    description: String,
}

fn place(id: &str) -> Place<'_> {
    Place { table: "macro", column: "content", row: id }
}

/// What tells two values of a macro apart without saying what they are; empty for none.
pub(crate) fn value_digest(key: &DigestKey, value: Option<&VariableValue>) -> String {
    value.map_or_else(String::new, |value| {
        let document = serde_json::to_value(value).unwrap_or_default();
        key.document("macro", &document).to_string()
    })
}

impl Scoped<'_> {
    fn macros(&self) -> Select<Entity> {
        Entity::find().filter(Column::Project.is_in(self.core.readable(self.project)))
    }

    fn read_macro(&self, row: Model) -> Result<Macro, StoreError> {
        let content: Content = self.core.sealer.open_document(place(&row.id.to_string()), &row.content)?;
        Ok(Macro {
            id: MacroId::new(row.id),
            project: ProjectId::new(row.project),
            name: parsed("macro", &row.name)?,
            value: content.value,
            description: content.description,
            generation: row.generation,
            updated_at: instant("macro", row.updated_at)?,
            updated_by: row.updated_by,
        })
    }

    /// A macro by id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn macro_get(&self, id: MacroId) -> Result<Macro, StoreError> {
        let row = self.macros().filter(Column::Id.eq(id.uuid())).one(&self.connection).await?;
        self.read_macro(row.ok_or_else(|| StoreError::not_found("macro", id))?)
    }

    /// A macro by name; the project's own wins over the shared one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn macro_by_name(&self, name: &MacroName) -> Result<Macro, StoreError> {
        let mut rows = self.macros().filter(Column::Name.eq(name.as_str())).all(&self.connection).await?;
        rows.sort_by_key(|row| row.project != self.project.uuid());
        self.read_macro(rows.into_iter().next().ok_or_else(|| StoreError::not_found("macro", name))?)
    }

    /// Macros, by name; a shared one also where the project has one of the same name.
    ///
    /// # Errors
    /// [`StoreError::InvalidCursor`], or when the database refuses.
    pub async fn macro_list(&self, page: &Page) -> Result<PageOf<Macro>, StoreError> {
        let mut query = self.macros().order_by_asc(Column::Name).order_by_asc(Column::Id).limit(page.limit());
        if let Some(cursor) = &page.after {
            let (name, id) = cursor.text_and_id()?;
            query = query.filter(after(Column::Name, name, Column::Id, id, false));
        }
        let rows = query.all(&self.connection).await?;
        let edges = rows.into_iter().map(|row| {
            Ok(Edge { cursor: Cursor::of(row.name.clone(), row.id), node: self.read_macro(row)? })
        });
        Ok(PageOf::cut(page, edges.collect::<Result<_, StoreError>>()?))
    }

    /// How many macros the project sees.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn macro_count(&self) -> Result<u64, StoreError> {
        Ok(self.macros().count(&self.connection).await?)
    }

    /// What each macro stands for now.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn macro_values(&self) -> Result<BTreeMap<MacroName, VariableValue>, StoreError> {
        let rows = self.macros().all(&self.connection).await?;
        let mut values = BTreeMap::new();
        let (own, shared): (Vec<Model>, _) =
            rows.into_iter().partition(|row| row.project == self.project.uuid());
        for row in shared.into_iter().chain(own) {
            let found = self.read_macro(row)?;
            values.insert(found.name, found.value);
        }
        Ok(values)
    }

    /// The names of clusters of this project that run, or are on their way to run, with a value of this macro.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn clusters_with_macro(&self, name: &MacroName, limit: u64) -> Result<Vec<String>, StoreError> {
        let held = composition_macro::Entity::find()
            .filter(composition_macro::Column::Project.eq(self.project.uuid()))
            .filter(composition_macro::Column::Name.eq(name.as_str()))
            .filter(composition_macro::Column::Digest.ne(""))
            .select_only()
            .column(composition_macro::Column::Composition)
            .into_query();
        let names = self
            .clusters()
            .filter(cluster::Column::Deleted.eq(false))
            .filter(
                Condition::any()
                    .add(cluster::Column::Applied.in_subquery(held.clone()))
                    .add(cluster::Column::Wanted.in_subquery(held)),
            )
            .select_only()
            .column(cluster::Column::Name)
            .order_by_asc(cluster::Column::Name)
            .limit(limit)
            .into_tuple()
            .all(&self.connection)
            .await?;
        Ok(names)
    }

    /// How many clusters of other projects than the shared one run with the shared macro of this name: those of projects that have none of
    /// that name themselves. A number is all that leaves the other projects.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn shared_macro_users(&self, name: &MacroName) -> Result<u64, StoreError> {
        let held = composition_macro::Entity::find()
            .filter(composition_macro::Column::Name.eq(name.as_str()))
            .filter(composition_macro::Column::Digest.ne(""))
            .select_only()
            .column(composition_macro::Column::Composition)
            .into_query();
        let own = Entity::find()
            .filter(Column::Name.eq(name.as_str()))
            .filter(Column::Project.ne(self.core.installation.shared_project.uuid()))
            .select_only()
            .column(Column::Project)
            .into_query();
        let users = cluster::Entity::find()
            .filter(cluster::Column::Deleted.eq(false))
            .filter(cluster::Column::Applied.in_subquery(held))
            .filter(cluster::Column::Project.ne(self.core.installation.shared_project.uuid()))
            .filter(cluster::Column::Project.not_in_subquery(own));
        Ok(users.count(&self.connection).await?)
    }

    /// Whether macros stand for what a composition holds of them.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn macros_are_still(
        &self,
        held: &BTreeMap<MacroName, Option<VariableValue>>,
    ) -> Result<bool, StoreError> {
        if held.is_empty() {
            return Ok(true);
        }
        let digests = self.macro_digests(held.keys()).await?;
        let key = &self.core.digest_key;
        Ok(held.iter().all(|(name, value)| {
            value_digest(key, value.as_ref()) == *digests.get(name.as_str()).map_or("", String::as_str)
        }))
    }

    /// The digests of what macros stand for now.
    async fn macro_digests(
        &self,
        names: impl Iterator<Item = &MacroName>,
    ) -> Result<BTreeMap<String, String>, StoreError> {
        let mut rows = self
            .macros()
            .filter(Column::Name.is_in(names.map(MacroName::as_str)))
            .all(&self.connection)
            .await?;
        // The project's own come last and win.
        rows.sort_by_key(|row| row.project == self.project.uuid());
        Ok(rows.into_iter().map(|row| (row.name, row.digest)).collect())
    }
}

impl Tx {
    /// Sets a macro of a project: makes it, or gives it another value.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when it is no longer at the generation expected (0 for one that must be new).
    pub async fn macro_set(
        &self,
        project: ProjectId,
        name: &MacroName,
        value: &VariableValue,
        description: Option<&str>,
        expected_generation: Option<i64>,
        actor: &Actor,
    ) -> Result<Macro, StoreError> {
        let stale = || StoreError::stale("macro", name);
        let there = Entity::find()
            .filter(Column::Project.eq(project.uuid()))
            .filter(Column::Name.eq(name.as_str()))
            .one(&self.connection)
            .await?;
        let scope = self.project(project);
        let there = there.map(|row| scope.read_macro(row)).transpose()?;
        let generation = there.as_ref().map_or(0, |there| there.generation);
        if expected_generation.is_some_and(|expected| expected != generation) {
            return Err(stale());
        }
        let id = there.as_ref().map_or_else(|| self.new_id(), |there| there.id.uuid());
        let description = description
            .or_else(|| there.as_ref().map(|there| there.description.as_str()))
            .unwrap_or_default();
        let content = Content { value: value.clone(), description: description.to_owned() };
        let row = Model {
            id,
            project: project.uuid(),
            name: name.to_string(),
            content: self.core.sealer.seal_document(place(&id.to_string()), &content)?,
            digest: value_digest(&self.core.digest_key, Some(value)),
            generation: generation + 1,
            updated_at: self.now().as_microsecond(),
            updated_by: actor.name.clone(),
        };
        if there.is_none() {
            Entity::insert(row.clone().into_active_model())
                .exec_without_returning(&self.connection)
                .await
                .map_err(|error| on_unique(error, stale))?;
        } else {
            let saved = Entity::update_many()
                .col_expr(Column::Content, Expr::value(row.content.clone()))
                .col_expr(Column::Digest, Expr::value(row.digest.as_str()))
                .col_expr(Column::Generation, Expr::col(Column::Generation).add(1))
                .col_expr(Column::UpdatedAt, Expr::value(row.updated_at))
                .col_expr(Column::UpdatedBy, Expr::value(row.updated_by.as_str()))
                .filter(Column::Id.eq(id))
                .filter(Column::Generation.eq(generation))
                .exec(&self.connection)
                .await?;
            if saved.rows_affected == 0 {
                return Err(stale());
            }
        }
        scope.read_macro(row)
    }

    /// Takes a macro of a project away.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when it was edited since, or is gone.
    pub async fn macro_delete(&self, found: &Macro) -> Result<(), StoreError> {
        let gone = Entity::delete_many()
            .filter(Column::Id.eq(found.id.uuid()))
            .filter(Column::Project.eq(found.project.uuid()))
            .filter(Column::Generation.eq(found.generation))
            .exec(&self.connection)
            .await?;
        if gone.rows_affected == 0 { Err(StoreError::stale("macro", &found.name)) } else { Ok(()) }
    }
}
