//! Packs: immutable, their content a sealed blob. A project reads its own and those of the shared project.

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};
use strata_model::{
    digest::Digest,
    id::{PackId, ProjectId},
    pack::Pack,
    profile::LayerKind,
    version::Version,
};

use crate::{
    cluster_filter::after,
    document::{instant, name_of, named, parsed},
    entity::pack::{Column, Entity, Model},
    error::{StoreError, on_unique},
    page::{Cursor, Edge, Page, PageOf},
    scope::Scoped,
    transaction::Tx,
};

/// A pack without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackRecord {
    /// Its id.
    pub id: PackId,
    /// Its project: the one asked, or the shared one.
    pub project: ProjectId,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its layer.
    pub layer: LayerKind,
    /// What people see.
    pub display_name: String,
    /// The digest of its content, which layers pin.
    pub digest: Digest,
    /// Where it came from, for people.
    pub source: String,
    /// When it was published.
    pub created_at: Timestamp,
    blob: String,
}

/// Which packs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackFilter {
    /// Those of this name.
    pub name: Option<String>,
    /// Those for this layer.
    pub layer: Option<LayerKind>,
}

/// Packs that do not follow SemVer sort below those that do.
fn sort_key(version: &str) -> String {
    version.parse::<Version>().map_or_else(|_| format!("!{version}"), |version| version.sort_key())
}

fn read(row: Model) -> Result<PackRecord, StoreError> {
    Ok(PackRecord {
        id: PackId::new(row.id),
        project: ProjectId::new(row.project),
        layer: named("pack", &row.layer)?,
        digest: parsed("pack", &row.digest)?,
        created_at: instant("pack", row.created_at)?,
        name: row.name,
        version: row.version,
        display_name: row.display_name,
        source: row.source,
        blob: row.blob,
    })
}

impl Scoped<'_> {
    fn packs(&self) -> Select<Entity> {
        Entity::find().filter(Column::Project.is_in(self.core.readable(self.project)))
    }

    /// The project's own wins over the shared one.
    fn own_first(&self, mut rows: Vec<Model>) -> Option<Model> {
        let own = rows.iter().position(|row| row.project == self.project.uuid()).unwrap_or(0);
        if rows.is_empty() { None } else { Some(rows.swap_remove(own)) }
    }

    /// A pack by id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn pack_get(&self, id: PackId) -> Result<PackRecord, StoreError> {
        let row = self.packs().filter(Column::Id.eq(id.uuid())).one(&self.connection).await?;
        read(row.ok_or_else(|| StoreError::not_found("pack", id))?)
    }

    /// A pack by name and version.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn pack_by_version(&self, name: &str, version: &str) -> Result<PackRecord, StoreError> {
        let rows = self
            .packs()
            .filter(Column::Name.eq(name))
            .filter(Column::Version.eq(version))
            .all(&self.connection)
            .await?;
        let row = self.own_first(rows);
        read(row.ok_or_else(|| StoreError::not_found("pack", format!("{name}@{version}")))?)
    }

    /// A pack by the digest of its content.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn pack_by_digest(&self, digest: &Digest) -> Result<PackRecord, StoreError> {
        let rows =
            self.packs().filter(Column::Digest.eq(digest.as_str())).limit(2).all(&self.connection).await?;
        read(self.own_first(rows).ok_or_else(|| StoreError::not_found("pack", digest))?)
    }

    /// The content of a pack, held against the digest that it was published with.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Corrupt`] when it cannot be read, or is not what was published.
    pub async fn pack_content(&self, record: &PackRecord) -> Result<Pack, StoreError> {
        let bytes = self.blob_of(&[record.project.uuid()], &record.blob).await?;
        // A pack may hold megabytes of charts: not for a thread that serves others.
        let read = tokio::task::spawn_blocking(move || {
            serde_json::from_slice::<Pack>(&bytes).map(|pack| (pack.digest(), pack))
        });
        let (digest, pack) = read
            .await
            .map_err(|error| StoreError::corrupt("pack", record.id, error))?
            .map_err(|error| StoreError::corrupt("pack", record.id, error))?;
        if digest != record.digest {
            let message = format!("its content has the digest {digest}, not {}", record.digest);
            return Err(StoreError::corrupt("pack", record.id, message));
        }
        Ok(pack)
    }

    /// Packs, by name and then by SemVer precedence, the lowest first.
    ///
    /// # Errors
    /// [`StoreError::InvalidCursor`], or when the database refuses.
    pub async fn pack_list(
        &self,
        filter: &PackFilter,
        page: &Page,
    ) -> Result<PageOf<PackRecord>, StoreError> {
        let mut query = self
            .packs_filtered(filter)?
            .order_by_asc(Column::Name)
            .order_by_asc(Column::SortKey)
            .order_by_asc(Column::Id)
            .limit(page.limit());
        if let Some(cursor) = &page.after {
            let (key, id) = cursor.text_and_id()?;
            let (name, sort_key) = key.split_once('\n').ok_or(StoreError::InvalidCursor)?;
            query = query.filter(Condition::any().add(Column::Name.gt(name)).add(
                Condition::all().add(Column::Name.eq(name)).add(after(
                    Column::SortKey,
                    sort_key,
                    Column::Id,
                    id,
                    false,
                )),
            ));
        }
        let rows = query.all(&self.connection).await?;
        let edges = rows.into_iter().map(|row| {
            let cursor = Cursor::of(format!("{}\n{}", row.name, row.sort_key), row.id);
            Ok(Edge { cursor, node: read(row)? })
        });
        Ok(PageOf::cut(page, edges.collect::<Result<_, StoreError>>()?))
    }

    /// How many packs a filter lets through.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn pack_count(&self, filter: &PackFilter) -> Result<u64, StoreError> {
        Ok(self.packs_filtered(filter)?.count(&self.connection).await?)
    }

    fn packs_filtered(&self, filter: &PackFilter) -> Result<Select<Entity>, StoreError> {
        let mut query = self.packs();
        if let Some(name) = &filter.name {
            query = query.filter(Column::Name.eq(name.as_str()));
        }
        if let Some(layer) = &filter.layer {
            query = query.filter(Column::Layer.eq(name_of("pack", layer)?));
        }
        Ok(query)
    }
}

impl Tx {
    /// Publishes a pack; `digest` is that of its content, `source` says where it came from.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] when the project has this name and version.
    pub async fn pack_insert(
        &self,
        project: ProjectId,
        pack: &Pack,
        digest: &Digest,
        source: &str,
    ) -> Result<PackRecord, StoreError> {
        let bytes =
            serde_json::to_vec(pack).map_err(|error| StoreError::corrupt("pack", &pack.name, error))?;
        let blob = self.blob_put(project, &bytes).await?;
        let row = Model {
            id: self.new_id(),
            project: project.uuid(),
            name: pack.name.clone(),
            version: pack.version.clone(),
            sort_key: sort_key(&pack.version),
            layer: name_of("pack", &pack.layer)?,
            display_name: pack.display_name.clone(),
            digest: digest.to_string(),
            blob: blob.to_string(),
            source: source.to_owned(),
            created_at: self.now().as_microsecond(),
        };
        let duplicate =
            || StoreError::Duplicate { noun: "pack", name: format!("{}@{}", pack.name, pack.version) };
        Entity::insert(row.clone().into_active_model())
            .exec_without_returning(&self.connection)
            .await
            .map_err(|error| on_unique(error, duplicate))?;
        read(row)
    }
}
