//! Publishing packs.

use strata_model::{
    access::Permission,
    diagnostic::Diagnostic,
    error::{Refusal, RefusalCode},
    pack::PackFiles,
};
use strata_store::Optional as _;

use crate::{error::EngineError, reads::PackRecord, session::Session};

impl Session {
    /// Publishes a pack from its files. Publishing the same content again changes nothing.
    ///
    /// # Errors
    /// `FORBIDDEN`, `INVALID_PACK` with every problem at its place, `DUPLICATE_NAME` when this version has other content.
    pub async fn publish_pack(&self, files: PackFiles) -> Result<(PackRecord, Vec<Diagnostic>), EngineError> {
        let session = self.clone();
        self.audited(Permission::Author, "publishPack", "pack", async move {
            let loaded = tokio::task::spawn_blocking(move || strata_render::load_pack(&files))
                .await
                .map_err(EngineError::internal)?
                .map_err(|problems| {
                    EngineError::diagnostics(
                        RefusalCode::InvalidPack,
                        "the pack cannot be published",
                        problems,
                    )
                })?;
            let pack = loaded.pack;
            let digest = strata_render::pack_digest(&pack);
            let engine = session.engine.clone();
            let kept = pack.clone();
            let record = engine
                .store()
                .try_write(move |tx| {
                    Box::pin(async move {
                        let subject = format!("pack/{}@{}", kept.name, kept.version);
                        let there = tx
                            .project(session.project)
                            .pack_by_version(&kept.name, &kept.version)
                            .await
                            .optional()?;
                        let record = match there.filter(|there| there.project == session.project) {
                            Some(there) if there.digest == digest => there,
                            Some(_) => {
                                return Err(Refusal::new(
                                    RefusalCode::DuplicateName,
                                    format!(
                                        "{} {} is there already with other content",
                                        kept.name, kept.version
                                    ),
                                    "a published pack never changes: give it a new version",
                                )
                                .into());
                            }
                            None => tx.pack_insert(session.project, &kept, &digest, "upload").await?,
                        };
                        session.note(tx, "publishPack", subject, None).await?;
                        Ok::<_, EngineError>(record)
                    })
                })
                .await?;
            Ok((
                PackRecord { id: record.id, pack, digest: record.digest, created_at: record.created_at },
                loaded.warnings,
            ))
        })
        .await
    }
}
