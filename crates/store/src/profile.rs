//! Profiles: names that versions hang on. A project reads its own and those of the shared project.

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};
use strata_model::{
    id::{ProfileId, ProjectId},
    profile::{ProfileName, ProfileType},
};

use crate::{
    cluster_filter::after,
    document::{instant, name_of, named, parsed},
    entity::profile::{Column, Entity, Model},
    error::{StoreError, on_unique},
    page::{Cursor, Edge, Page, PageOf},
    scope::Scoped,
    transaction::Tx,
};

/// A profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its id.
    pub id: ProfileId,
    /// Its project: the one asked, or the shared one.
    pub project: ProjectId,
    /// Unique in its project.
    pub name: ProfileName,
    /// What it covers.
    pub profile_type: ProfileType,
    /// What it is for, in its author's words.
    pub description: String,
    /// When it was made.
    pub created_at: Timestamp,
}

pub(crate) fn read(row: Model) -> Result<Profile, StoreError> {
    Ok(Profile {
        id: ProfileId::new(row.id),
        project: ProjectId::new(row.project),
        name: parsed("profile", &row.name)?,
        profile_type: named("profile", &row.profile_type)?,
        description: row.description,
        created_at: instant("profile", row.created_at)?,
    })
}

impl Scoped<'_> {
    fn profiles(&self) -> Select<Entity> {
        Entity::find().filter(Column::Project.is_in(self.core.readable(self.project)))
    }

    /// A profile by id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn profile_get(&self, id: ProfileId) -> Result<Profile, StoreError> {
        let row = self.profiles().filter(Column::Id.eq(id.uuid())).one(&self.connection).await?;
        read(row.ok_or_else(|| StoreError::not_found("profile", id))?)
    }

    /// A profile by name; the project's own wins over the shared one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn profile_by_name(&self, name: &ProfileName) -> Result<Profile, StoreError> {
        let mut rows = self.profiles().filter(Column::Name.eq(name.as_str())).all(&self.connection).await?;
        rows.sort_by_key(|row| row.project != self.project.uuid());
        read(rows.into_iter().next().ok_or_else(|| StoreError::not_found("profile", name))?)
    }

    /// Profiles, by name.
    ///
    /// # Errors
    /// [`StoreError::InvalidCursor`], or when the database refuses.
    pub async fn profile_list(&self, page: &Page) -> Result<PageOf<Profile>, StoreError> {
        let mut query =
            self.profiles().order_by_asc(Column::Name).order_by_asc(Column::Id).limit(page.limit());
        if let Some(cursor) = &page.after {
            let (name, id) = cursor.text_and_id()?;
            query = query.filter(after(Column::Name, name, Column::Id, id, false));
        }
        let rows = query.all(&self.connection).await?;
        let edges = rows
            .into_iter()
            .map(|row| Ok(Edge { cursor: Cursor::of(row.name.clone(), row.id), node: read(row)? }));
        Ok(PageOf::cut(page, edges.collect::<Result<_, StoreError>>()?))
    }

    /// How many profiles the project sees.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn profile_count(&self) -> Result<u64, StoreError> {
        Ok(self.profiles().count(&self.connection).await?)
    }
}

impl Tx {
    /// Makes a profile, without versions.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`].
    pub async fn profile_insert(
        &self,
        project: ProjectId,
        name: &ProfileName,
        profile_type: ProfileType,
        description: &str,
    ) -> Result<Profile, StoreError> {
        let row = Model {
            id: self.new_id(),
            project: project.uuid(),
            name: name.to_string(),
            profile_type: name_of("profile", &profile_type)?,
            description: description.to_owned(),
            created_at: self.now().as_microsecond(),
        };
        Entity::insert(row.clone().into_active_model())
            .exec_without_returning(&self.connection)
            .await
            .map_err(|error| {
                on_unique(error, || StoreError::Duplicate { noun: "profile", name: name.to_string() })
            })?;
        read(row)
    }
}
