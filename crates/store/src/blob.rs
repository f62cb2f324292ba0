//! Blobs: sealed bytes by keyed digest, each once in a project. And secrets: sealed texts by fingerprint.

use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};
use strata_model::{
    digest::Digest,
    id::ProjectId,
    secret::{Fingerprint, SecretText},
};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    document::parsed,
    entity::{blob, secret},
    error::StoreError,
    page::ID_BATCH,
    scope::Scoped,
    seal::Place,
    transaction::Tx,
};

impl Scoped<'_> {
    /// The bytes of a blob of this project, or of the shared one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn blob_get(&self, digest: &Digest) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        self.blob_of(&self.core.readable(self.project), digest.as_str()).await
    }

    pub(crate) async fn blob_of(
        &self,
        projects: &[Uuid],
        digest: &str,
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let row = blob::Entity::find()
            .filter(blob::Column::Project.is_in(projects.iter().copied()))
            .filter(blob::Column::Digest.eq(digest))
            .one(&self.connection)
            .await?
            .ok_or_else(|| StoreError::not_found("blob", digest))?;
        let id = format!("{}/{}", row.project, row.digest);
        self.core.sealer.open(Place { table: "blob", column: "content", row: &id }, &row.content)
    }

    /// A secret of this project, or of the shared one, in the clear.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn secret_get(&self, fingerprint: &Fingerprint) -> Result<SecretText, StoreError> {
        let mut found = self.secrets_get(std::slice::from_ref(fingerprint)).await?;
        match found.pop() {
            Some((_, text)) => Ok(text),
            None => Err(StoreError::not_found("secret", fingerprint.mask())),
        }
    }

    /// Secrets of this project and of the shared one (whose macros it may hold), in the clear: those that there are,
    /// in no order.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn secrets_get(
        &self,
        fingerprints: &[Fingerprint],
    ) -> Result<Vec<(Fingerprint, SecretText)>, StoreError> {
        let mut found = Vec::with_capacity(fingerprints.len());
        for batch in fingerprints.chunks(ID_BATCH) {
            let rows = secret::Entity::find()
                .filter(secret::Column::Project.is_in(self.core.readable(self.project)))
                .filter(secret::Column::Fingerprint.is_in(batch.iter().map(|print| print.0.as_str())))
                .all(&self.connection)
                .await?;
            for row in rows {
                let id = format!("{}/{}", row.project, row.fingerprint);
                let place = Place { table: "secret", column: "content", row: &id };
                let plain = self.core.sealer.open(place, &row.content)?;
                let text = std::str::from_utf8(&plain)
                    .map_err(|_| StoreError::corrupt("secret", &row.fingerprint, "not text"))?;
                found.push((Fingerprint(parsed("secret", &row.fingerprint)?), SecretText::new(text)));
            }
        }
        Ok(found)
    }
}

impl Tx {
    /// Seals bytes; equal bytes of one project are kept once. Their keyed digest.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn blob_put(&self, project: ProjectId, bytes: &[u8]) -> Result<Digest, StoreError> {
        let digest = self.core.digest_key.bytes("blob", bytes);
        let id = format!("{project}/{digest}");
        let row = blob::Model {
            project: project.uuid(),
            digest: digest.to_string(),
            content: self.core.sealer.seal(Place { table: "blob", column: "content", row: &id }, bytes)?,
            created_at: self.now().as_microsecond(),
        };
        blob::Entity::insert(row.into_active_model())
            .on_conflict_do_nothing_on([blob::Column::Project, blob::Column::Digest])
            .exec_without_returning(&self.connection)
            .await?;
        Ok(digest)
    }

    /// Seals a secret; equal secrets of one project are kept once. Its fingerprint.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn secret_put(&self, project: ProjectId, text: &SecretText) -> Result<Fingerprint, StoreError> {
        let fingerprint = text.fingerprint(&self.core.digest_key);
        let id = format!("{project}/{}", fingerprint.0);
        let place = Place { table: "secret", column: "content", row: &id };
        let row = secret::Model {
            project: project.uuid(),
            fingerprint: fingerprint.0.to_string(),
            content: self.core.sealer.seal(place, text.expose().as_bytes())?,
            created_at: self.now().as_microsecond(),
        };
        secret::Entity::insert(row.into_active_model())
            .on_conflict_do_nothing_on([secret::Column::Project, secret::Column::Fingerprint])
            .exec_without_returning(&self.connection)
            .await?;
        Ok(fingerprint)
    }
}
