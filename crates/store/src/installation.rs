//! The installation: its id, salt and root, and the two built-in projects.

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, EntityTrait, IntoActiveModel,
    QueryFilter, QuerySelect, sea_query::Expr,
};
use strata_model::{
    digest::DigestKey,
    id::{InstallationId, ProjectId},
};
use zeroize::Zeroizing;

use crate::{
    document::instant,
    entity,
    error::StoreError,
    seal::{Place, Sealer, digest_key, random},
    settings::StoreSettings,
    transaction::begin,
};

/// The scheme of the database; see rule 12 of the design.
const SCHEME: i64 = 1;
/// The project that is there from the beginning.
pub const DEFAULT_PROJECT: &str = "default";
/// The project that all others may read packs and profiles of.
pub const SHARED_PROJECT: &str = "shared";

/// What this installation is.
#[derive(Debug, Clone)]
pub struct Installation {
    /// Marks every object it applies.
    pub id: InstallationId,
    /// When the database was made.
    pub created_at: Timestamp,
    /// The project `default`.
    pub default_project: ProjectId,
    /// The project `shared`.
    pub shared_project: ProjectId,
}

/// Opens the installation, or makes it on the first start.
pub(crate) async fn open(
    writer: &DatabaseConnection,
    settings: &StoreSettings,
) -> Result<(Installation, Sealer, DigestKey), StoreError> {
    let transaction = begin(writer).await?;
    let row = match entity::installation::Entity::find().one(&transaction).await? {
        Some(row) => row,
        None => make(&transaction, settings).await?,
    };
    if row.scheme != SCHEME {
        return Err(StoreError::Schema { reason: format!("it has scheme {}, not {SCHEME}", row.scheme) });
    }
    let sealer = settings.keys.sealer(&row.salt);
    let id = row.id.to_string();
    let place = Place { table: "installation", column: "root", row: &id };
    let root = sealer.open(place, &row.root).map_err(|error| match error {
        StoreError::Corrupt { .. } => StoreError::WrongKey,
        other => other,
    })?;
    if sealer.is_retired(&row.root) {
        entity::installation::Entity::update_many()
            .col_expr(entity::installation::Column::Root, Expr::value(sealer.seal(place, &root)?))
            .filter(entity::installation::Column::Id.eq(row.id))
            .exec(&transaction)
            .await?;
    }
    let installation = Installation {
        id: InstallationId::new(row.id),
        created_at: instant("installation", row.created_at)?,
        default_project: project_named(&transaction, DEFAULT_PROJECT).await?,
        shared_project: project_named(&transaction, SHARED_PROJECT).await?,
    };
    transaction.commit().await?;
    Ok((installation, sealer, digest_key(&root)))
}

async fn make(
    transaction: &DatabaseTransaction,
    settings: &StoreSettings,
) -> Result<entity::installation::Model, StoreError> {
    let id = settings.ids.next();
    let text = id.to_string();
    let now = settings.clock.now().as_microsecond();
    let salt: [u8; 32] = random()?;
    let root = Zeroizing::new(random::<32>()?);
    let place = Place { table: "installation", column: "root", row: &text };
    let sealed = settings.keys.sealer(&salt).seal(place, &*root)?;
    let row = entity::installation::Model {
        id,
        only_one: 1,
        created_at: now,
        scheme: SCHEME,
        salt: salt.to_vec(),
        root: sealed,
    };
    entity::installation::Entity::insert(row.clone().into_active_model())
        .exec_without_returning(transaction)
        .await?;
    for name in [DEFAULT_PROJECT, SHARED_PROJECT] {
        let project =
            entity::project::Model { id: settings.ids.next(), name: name.to_owned(), created_at: now };
        entity::project::Entity::insert(project.into_active_model())
            .exec_without_returning(transaction)
            .await?;
    }
    Ok(row)
}

async fn project_named<C: ConnectionTrait>(connection: &C, name: &str) -> Result<ProjectId, StoreError> {
    entity::project::Entity::find()
        .filter(entity::project::Column::Name.eq(name))
        .limit(1)
        .one(connection)
        .await?
        .map(|row| ProjectId::new(row.id))
        .ok_or_else(|| StoreError::not_found("project", name))
}
