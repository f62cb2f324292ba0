//! Publishing packs.

use strata_model::{
    access::Permission,
    diagnostic::Diagnostic,
    digest::Digest,
    error::{Refusal, RefusalCode},
    pack::PackFiles,
};
use strata_render::{Adopted, LoadedPack};
use strata_store::Optional as _;

use crate::{error::EngineError, reads::PackRecord, session::Session};

impl Session {
    /// Publishes a pack from its files. Publishing the same content again changes nothing. A Helm chart or plain manifests
    /// become one; `said` names what does not say it itself.
    ///
    /// What is told beside the pack does not stop it: what is odd, and what fails with the pack's own values.
    ///
    /// # Errors
    /// `FORBIDDEN`, `INVALID_PACK` with every problem at its place, `DUPLICATE_NAME` when this version has other content.
    pub async fn publish_pack(
        &self,
        files: PackFiles,
        said: Adopted,
    ) -> Result<(PackRecord, Vec<Diagnostic>), EngineError> {
        let session = self.clone();
        self.audited(Permission::Author, "publishPack", "pack", async move {
            let load = move || {
                let mut loaded = strata_render::load_pack(&strata_render::adopt(files, &said)?)?;
                loaded.warnings.extend(strata_render::report(&loaded.pack));
                let digest = loaded.pack.digest();
                Ok((loaded, digest))
            };
            let (loaded, digest): (LoadedPack, Digest) = tokio::task::spawn_blocking(load)
                .await
                .map_err(EngineError::internal)?
                .map_err(|problems: Vec<Diagnostic>| {
                    EngineError::diagnostics(
                        RefusalCode::InvalidPack,
                        "the pack cannot be published",
                        problems,
                    )
                })?;
            let pack = loaded.pack;
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
                            Some(there) => {
                                return Err(Refusal::new(
                                    RefusalCode::DuplicateName,
                                    format!(
                                        "{} {} is there already with other content: {}, not {}",
                                        kept.name,
                                        kept.version,
                                        there.digest.short(),
                                        digest.short()
                                    ),
                                    "a published pack never changes: give it a new version, and ask who changed this one",
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
