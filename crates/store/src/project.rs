//! Projects, and finding the project of something by its id.

use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};
use strata_model::id::{
    ChangeId, ClusterId, CompositionId, OrphanId, PackId, PlanId, PrincipalId, ProfileId, ProfileVersionId,
    ProjectId, RevisionId, RolloutId, TokenId,
};
use uuid::Uuid;

use crate::{
    document::instant,
    entity::{self, project},
    error::{StoreError, on_unique},
    store::Store,
    transaction::Tx,
};

/// A project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Unique in the installation.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Something that has an id of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the variants are the nouns")]
pub enum Thing {
    Change(ChangeId),
    Cluster(ClusterId),
    Composition(CompositionId),
    Orphan(OrphanId),
    Pack(PackId),
    Plan(PlanId),
    Principal(PrincipalId),
    Profile(ProfileId),
    ProfileVersion(ProfileVersionId),
    Revision(RevisionId),
    Rollout(RolloutId),
    Token(TokenId),
}

fn read(row: project::Model) -> Result<Project, StoreError> {
    Ok(Project {
        id: ProjectId::new(row.id),
        name: row.name,
        created_at: instant("project", row.created_at)?,
    })
}

impl Store {
    /// All projects, by name.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn project_list(&self) -> Result<Vec<Project>, StoreError> {
        let rows = project::Entity::find().order_by_asc(project::Column::Name).all(&self.readers).await?;
        rows.into_iter().map(read).collect()
    }

    /// A project by name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn project_by_name(&self, name: &str) -> Result<Project, StoreError> {
        let row = project::Entity::find().filter(project::Column::Name.eq(name)).one(&self.readers).await?;
        read(row.ok_or_else(|| StoreError::not_found("project", name))?)
    }

    /// A project by id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn project_get(&self, id: ProjectId) -> Result<Project, StoreError> {
        let row = project::Entity::find_by_id(id.uuid()).one(&self.readers).await?;
        read(row.ok_or_else(|| StoreError::not_found("project", id))?)
    }

    /// The project that something belongs to, if it is there: the first step of reading anything by its id alone.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn project_of(&self, thing: Thing) -> Result<Option<ProjectId>, StoreError> {
        macro_rules! lookup {
            ($table:ident, $id:expr) => {
                entity::$table::Entity::find_by_id($id.uuid())
                    .select_only()
                    .column(entity::$table::Column::Project)
                    .into_tuple::<Uuid>()
                    .one(&self.readers)
                    .await?
            };
        }
        let project: Option<Uuid> = match thing {
            Thing::Change(id) => lookup!(change, id),
            Thing::Cluster(id) => lookup!(cluster, id),
            Thing::Composition(id) => lookup!(composition, id),
            Thing::Orphan(id) => lookup!(orphan, id),
            Thing::Pack(id) => lookup!(pack, id),
            Thing::Plan(id) => lookup!(plan, id),
            Thing::Principal(id) => lookup!(principal, id),
            Thing::Profile(id) => lookup!(profile, id),
            Thing::ProfileVersion(id) => lookup!(profile_version, id),
            Thing::Revision(id) => lookup!(revision, id),
            Thing::Rollout(id) => lookup!(rollout, id),
            Thing::Token(id) => lookup!(token, id),
        };
        Ok(project.map(ProjectId::new))
    }
}

impl Tx {
    /// Makes a project.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`].
    pub async fn project_insert(&self, name: &str) -> Result<Project, StoreError> {
        let row = project::Model {
            id: self.new_id(),
            name: name.to_owned(),
            created_at: self.now().as_microsecond(),
        };
        project::Entity::insert(row.clone().into_active_model())
            .exec_without_returning(&self.connection)
            .await
            .map_err(|error| {
                on_unique(error, || StoreError::Duplicate { noun: "project", name: name.to_owned() })
            })?;
        read(row)
    }
}
