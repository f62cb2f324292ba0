//! Principals and their roles.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, Select,
};
use strata_model::{
    access::{PrincipalKind, Role},
    id::{PrincipalId, ProjectId},
};

use crate::{
    cluster_filter::after,
    document::{instant, name_of, named, parsed},
    entity::{principal, project, role_binding, token},
    error::{StoreError, on_unique},
    page::{Cursor, Edge, Page, PageOf},
    scope::Scoped,
    store::Store,
    transaction::Tx,
};

/// A person or a service account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Its id.
    pub id: PrincipalId,
    /// The project that administers it.
    pub project: ProjectId,
    /// Unique in the installation.
    pub name: String,
    /// What it is.
    pub kind: PrincipalKind,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A role of a principal in a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleBinding {
    /// Where.
    pub project: ProjectId,
    /// The name of that project.
    pub project_name: String,
    /// Which role.
    pub role: Role,
}

pub(crate) fn read(row: principal::Model) -> Result<Principal, StoreError> {
    Ok(Principal {
        id: PrincipalId::new(row.id),
        project: ProjectId::new(row.project),
        kind: named("principal", &row.kind)?,
        name: row.name,
        created_at: instant("principal", row.created_at)?,
    })
}

/// The roles of a principal in all projects.
pub(crate) async fn bindings<C: ConnectionTrait>(
    connection: &C,
    principal: PrincipalId,
) -> Result<Vec<RoleBinding>, StoreError> {
    let rows = role_binding::Entity::find()
        .filter(role_binding::Column::Principal.eq(principal.uuid()))
        .order_by_asc(role_binding::Column::Project)
        .order_by_asc(role_binding::Column::Role)
        .all(connection)
        .await?;
    let ids = rows.iter().map(|row| row.project);
    let projects = project::Entity::find().filter(project::Column::Id.is_in(ids)).all(connection).await?;
    let names: BTreeMap<_, _> = projects.into_iter().map(|row| (row.id, row.name)).collect();
    let bindings = rows.into_iter().map(|row| {
        Ok(RoleBinding {
            project: ProjectId::new(row.project),
            project_name: names.get(&row.project).cloned().unwrap_or_default(),
            role: parsed("role_binding", &row.role)?,
        })
    });
    bindings.collect()
}

impl Scoped<'_> {
    /// Those whom the project administers, or who have a role in it.
    fn principals(&self) -> Select<principal::Entity> {
        let bound = role_binding::Entity::find()
            .select_only()
            .column(role_binding::Column::Principal)
            .filter(role_binding::Column::Project.eq(self.project.uuid()))
            .into_query();
        principal::Entity::find().filter(
            Condition::any()
                .add(principal::Column::Project.eq(self.project.uuid()))
                .add(principal::Column::Id.in_subquery(bound)),
        )
    }

    /// A principal of the project.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn principal_get(&self, id: PrincipalId) -> Result<Principal, StoreError> {
        let row = self.principals().filter(principal::Column::Id.eq(id.uuid())).one(&self.connection).await?;
        read(row.ok_or_else(|| StoreError::not_found("principal", id))?)
    }

    /// A principal of the project by name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn principal_by_name(&self, name: &str) -> Result<Principal, StoreError> {
        let row = self.principals().filter(principal::Column::Name.eq(name)).one(&self.connection).await?;
        read(row.ok_or_else(|| StoreError::not_found("principal", name))?)
    }

    /// The principals of the project, by name.
    ///
    /// # Errors
    /// [`StoreError::InvalidCursor`], or when the database refuses.
    pub async fn principal_list(&self, page: &Page) -> Result<PageOf<Principal>, StoreError> {
        let mut query = self
            .principals()
            .order_by_asc(principal::Column::Name)
            .order_by_asc(principal::Column::Id)
            .limit(page.limit());
        if let Some(cursor) = &page.after {
            let (name, id) = cursor.text_and_id()?;
            query = query.filter(after(principal::Column::Name, name, principal::Column::Id, id, false));
        }
        let rows = query.all(&self.connection).await?;
        let edges = rows
            .into_iter()
            .map(|row| Ok(Edge { cursor: Cursor::of(row.name.clone(), row.id), node: read(row)? }));
        Ok(PageOf::cut(page, edges.collect::<Result<_, StoreError>>()?))
    }

    /// How many principals the project has.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn principal_count(&self) -> Result<u64, StoreError> {
        Ok(self.principals().count(&self.connection).await?)
    }

    /// The roles of a principal in this project.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn roles_of(&self, principal: PrincipalId) -> Result<Vec<Role>, StoreError> {
        let all = bindings(&self.connection, principal).await?;
        Ok(all
            .into_iter()
            .filter(|binding| binding.project == self.project)
            .map(|binding| binding.role)
            .collect())
    }
}

impl Store {
    /// The roles of a principal in all projects: what an authentication needs.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn role_bindings(&self, principal: PrincipalId) -> Result<Vec<RoleBinding>, StoreError> {
        bindings(&self.readers, principal).await
    }

    /// Whether nobody has a token yet: then the caller makes an administrator and shows the token once.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn first_start(&self) -> Result<bool, StoreError> {
        Ok(token::Entity::find().limit(1).one(&self.readers).await?.is_none())
    }
}

impl Tx {
    /// Whether nobody has a token yet, asked where the answer cannot change before the commit.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn first_start(&self) -> Result<bool, StoreError> {
        Ok(token::Entity::find().limit(1).one(&self.connection).await?.is_none())
    }

    /// Makes a principal that a project administers; it has no role yet.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`].
    pub async fn principal_insert(
        &self,
        project: ProjectId,
        name: &str,
        kind: PrincipalKind,
    ) -> Result<Principal, StoreError> {
        let row = principal::Model {
            id: self.new_id(),
            project: project.uuid(),
            name: name.to_owned(),
            kind: name_of("principal", &kind)?,
            created_at: self.now().as_microsecond(),
        };
        principal::Entity::insert(row.clone().into_active_model())
            .exec_without_returning(&self.connection)
            .await
            .map_err(|error| {
                on_unique(error, || StoreError::Duplicate { noun: "principal", name: name.to_owned() })
            })?;
        read(row)
    }

    /// Gives a role; giving it again changes nothing.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn role_bind(
        &self,
        project: ProjectId,
        principal: PrincipalId,
        role: Role,
    ) -> Result<(), StoreError> {
        use role_binding::Column;
        let row = role_binding::Model {
            project: project.uuid(),
            principal: principal.uuid(),
            role: role.as_str().to_owned(),
            created_at: self.now().as_microsecond(),
        };
        role_binding::Entity::insert(row.into_active_model())
            .on_conflict_do_nothing_on([Column::Principal, Column::Project, Column::Role])
            .exec_without_returning(&self.connection)
            .await?;
        Ok(())
    }

    /// Takes a role away.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it was not given.
    pub async fn role_unbind(
        &self,
        project: ProjectId,
        principal: PrincipalId,
        role: Role,
    ) -> Result<(), StoreError> {
        let gone = role_binding::Entity::delete_many()
            .filter(role_binding::Column::Project.eq(project.uuid()))
            .filter(role_binding::Column::Principal.eq(principal.uuid()))
            .filter(role_binding::Column::Role.eq(role.as_str()))
            .exec(&self.connection)
            .await?;
        if gone.rows_affected == 0 {
            return Err(StoreError::not_found("role", role));
        }
        Ok(())
    }
}
