//! Importing a profile version from a document.

use strata_document::ProfileDocument;
use strata_model::{
    access::Permission,
    diagnostic::Diagnostic,
    error::{Refusal, RefusalCode},
    profile::{ProfileContent, ProfileName, ProfileType},
    secret::{MASK_PREFIX, SecretText, masks_in},
};
use strata_store::{LifecycleNote, Optional as _};

use super::{DraftContent, DraftLayer, DraftPack, content::invalid, parse_version};
use crate::{error::EngineError, reads::VersionRecord, session::Session};

/// What to import, and how.
#[derive(Debug, Clone)]
pub struct ImportProfile {
    /// What was exported.
    pub document: ProfileDocument,
    /// Another name than the document's.
    pub name: Option<String>,
    /// Another version than the document's.
    pub version: Option<String>,
    /// Whether it is published at once.
    pub publish: bool,
    /// What stands for each mask.
    pub secrets: Vec<(String, SecretText)>,
}

impl From<ProfileDocument> for DraftContent {
    fn from(document: ProfileDocument) -> Self {
        let layers = document.layers.into_iter().map(|layer| DraftLayer {
            name: layer.name,
            kind: layer.kind,
            pack: DraftPack { name: layer.pack.name, version: layer.pack.version },
            values: Some(layer.values),
            presets: layer.presets,
            manifests: layer.manifests,
            install_priority: layer.install_priority,
            namespace: layer.namespace,
            on_conflict: layer.on_conflict,
            on_immutable: layer.on_immutable,
            orphan_policy: layer.orphan_policy,
        });
        Self { layers: layers.collect(), variables: document.variables }
    }
}

impl Session {
    /// Makes a version, and its profile where there is none, with the content of a document. All or nothing.
    ///
    /// # Errors
    /// `FORBIDDEN`, `INVALID_INPUT`, `INVALID_VERSION`, `DUPLICATE_NAME`, and `INVALID_PROFILE` with every pack that is
    /// missing or another, every secret that is asked for, and what keeps it from being published, if it shall be.
    pub async fn import_profile(&self, import: ImportProfile) -> Result<VersionRecord, EngineError> {
        let session = self.clone();
        let called = |said: &Option<String>, own: &Option<String>| said.clone().or_else(|| own.clone());
        let name = called(&import.name, &import.document.name);
        let version = called(&import.version, &import.document.version);
        let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".to_owned());
        let subject = format!("profile/{}@{}", shown(&name), shown(&version));
        self.audited(Permission::Author, "importProfile", subject.clone(), async move {
            let (Some(name), Some(version)) = (name, version) else {
                return Err(Refusal::new(
                    RefusalCode::InvalidInput,
                    "the document does not say the name and version of the profile",
                    "give them along with it",
                )
                .into());
            };
            let name: ProfileName = name.parse().map_err(|error: strata_model::profile::InvalidName| {
                Refusal::new(RefusalCode::InvalidInput, error.to_string(), "give another name").at("name")
            })?;
            let number = parse_version(&version, "version")?;
            let there = session.rows().profile_by_name(&name).await.optional()?;
            if let Some(there) = &there {
                session.refuse_name_of_shared(there)?;
            }
            let kind = session.kind_of_import(&import.document, there.as_ref().map(|it| it.profile_type))?;
            let content = session.imported_content(kind, import.document, &import.secrets).await?;
            if import.publish {
                session.refuse_problems(kind, &content).await?;
            }
            let uses = session.uses_of(&content).await?;
            let digest = session.digest_of(&content).await?;
            let (engine, publish) = (session.engine.clone(), import.publish);
            engine
                .store()
                .try_write(move |tx| {
                    Box::pin(async move {
                        let actor = &session.caller.actor;
                        let profile = match there {
                            Some(profile) => profile,
                            None => tx.profile_insert(session.project, &name, kind, "").await?,
                        };
                        let made =
                            tx.profile_version_insert(&profile, &number, &content, &uses, actor).await?;
                        if publish {
                            let (project, note) = (session.project, LifecycleNote::default());
                            tx.profile_version_publish(project, made.id, 1, &digest, actor, &note).await?;
                        }
                        session.note(tx, "importProfile", subject, None).await?;
                        session.version_record(tx, &profile, made.id).await
                    })
                })
                .await
        })
        .await
    }

    fn kind_of_import(
        &self,
        document: &ProfileDocument,
        there: Option<ProfileType>,
    ) -> Result<ProfileType, EngineError> {
        match (document.profile_type, there) {
            (Some(said), Some(there)) if said != there => Err(Refusal::new(
                RefusalCode::InvalidInput,
                "there is a profile of this name that covers something else",
                "import it under another name",
            )
            .at("name")
            .into()),
            (Some(said), _) => Ok(said),
            (None, Some(there)) => Ok(there),
            (None, None) => Err(Refusal::new(
                RefusalCode::InvalidInput,
                "the document does not say what the profile covers",
                "write `type: ADDON`, `INFRA` or `FULL` into it, or make the profile first",
            )
            .into()),
        }
    }

    async fn imported_content(
        &self,
        kind: ProfileType,
        mut document: ProfileDocument,
        secrets: &[(String, SecretText)],
    ) -> Result<ProfileContent, EngineError> {
        let mut problems = Vec::new();
        for layer in &mut document.layers {
            let place = format!("layer `{}`", layer.name);
            let manifests = layer
                .manifests
                .iter_mut()
                .map(|manifest| (format!("{place} manifest `{}`", manifest.name), &mut manifest.text));
            let texts = std::iter::once((format!("{place} values.yaml"), &mut layer.values)).chain(manifests);
            for (file, text) in texts {
                let missing = fill_in(text, secrets)?;
                problems.extend(missing.into_iter().map(|mask| {
                    Diagnostic::new("SECRET_NEEDED", format!("the secret that {mask} stands for is needed"))
                        .in_file(&file)
                        .with_help("give it along, or refer to a sensitive variable or macro instead")
                }));
            }
        }
        let pinned: Vec<_> =
            document.layers.iter().map(|layer| (layer.name.clone(), layer.pack.digest.clone())).collect();
        if !problems.is_empty() {
            return Err(invalid(problems));
        }
        let content = self.resolve_content(kind, document.into(), &ProfileContent::default()).await?;
        for (layer, (_, digest)) in content.layers.iter().zip(&pinned) {
            if digest.as_ref().is_some_and(|digest| *digest != layer.pack.digest) {
                let message = format!(
                    "the pack {} {} here has another content than the one that was exported",
                    layer.pack.name, layer.pack.version
                );
                let problem =
                    Diagnostic::new("PACK_DIFFERS", message).in_file(format!("layer `{}`", layer.name));
                let help = "publish the exported one under another version, or take `digest` out of the document \
                            to go on with the one that is here";
                problems.push(problem.with_help(help));
            }
        }
        if problems.is_empty() { Ok(content) } else { Err(invalid(problems)) }
    }
}

/// Largest secret that is filled in, in bytes.
const MAX_SECRET: usize = 64 * 1024;
/// Largest text once its secrets are filled in, in bytes.
const MAX_TEXT: usize = 8 << 20;

/// Puts secrets where their masks stand, each mask looked at once. The masks of which nobody said the secret.
fn fill_in(text: &mut String, secrets: &[(String, SecretText)]) -> Result<Vec<String>, EngineError> {
    let mut missing = Vec::new();
    for mask in masks_in(text) {
        let Some((_, secret)) = secrets.iter().find(|(other, _)| *other == mask) else {
            missing.push(mask);
            continue;
        };
        let grown = text.matches(&mask).count().saturating_mul(secret.expose().len());
        if secret.expose().len() > MAX_SECRET || grown.saturating_add(text.len()) > MAX_TEXT {
            return Err(Refusal::new(
                RefusalCode::LimitExceeded,
                format!("the secret for {mask} is too large"),
                "refer to a sensitive macro instead",
            )
            .at("secrets")
            .into());
        }
        if secret.expose().contains(MASK_PREFIX) {
            return Err(Refusal::new(
                RefusalCode::InvalidInput,
                format!("the secret for {mask} is a mask itself"),
                "give the secret",
            )
            .at("secrets")
            .into());
        }
        *text = text.replace(&mask, secret.expose());
    }
    Ok(missing)
}
