//! Profiles as files.

use async_graphql::{Description, InputObject, Object, SimpleObject};
use strata_engine::ExportedProfile;

use super::scalar::DigestText;

/// A draft or revision as people keep it. Passwords are masked; an import asks for each.
#[derive(Debug, Description)]
pub struct ProfileExport {
    exported: ExportedProfile,
}

impl ProfileExport {
    /// Shows what was exported.
    pub const fn new(exported: ExportedProfile) -> Self {
        Self { exported }
    }
}

#[Object(use_type_description)]
impl ProfileExport {
    /// What was exported, with its revision: `web@1.0.0`, `web@1.0.0#2`, `web@1.1.0 (draft)`.
    async fn name(&self) -> &str {
        &self.exported.name
    }

    /// The digest of the content: an import of the same content has the same. Where secrets are in it, it is keyed by this
    /// installation.
    async fn content_digest(&self) -> DigestText {
        (&self.exported.content_digest).into()
    }

    /// All in one YAML text.
    #[graphql(complexity = 20)]
    async fn text(&self) -> String {
        strata_document::to_text(&self.exported.document)
    }

    /// As a folder: `profile.yaml`, and one file of values a layer, as its author wrote them.
    #[graphql(complexity = "20 + child_complexity")]
    async fn files(&self) -> Vec<ProfileFile> {
        let files = strata_document::to_files(&self.exported.document);
        files.into_iter().map(|(path, content)| ProfileFile { path, content }).collect()
    }

    /// The masks in it.
    async fn masks(&self) -> &[String] {
        &self.exported.masks
    }

    /// The macros that its values name: they must be there before it is published elsewhere.
    async fn macros(&self) -> &[String] {
        &self.exported.document.macros
    }
}

/// One file of an exported profile.
#[derive(Debug, SimpleObject)]
pub struct ProfileFile {
    /// Its path in the folder.
    pub path: String,
    /// What it holds.
    pub content: String,
}

/// One file of a profile to import.
#[derive(Debug, InputObject)]
pub struct ProfileFileInput {
    /// Its path in the folder.
    pub path: String,
    /// What it holds.
    pub content: String,
}

/// What a mask in an imported profile stands for.
#[derive(InputObject)]
pub struct MaskedSecretInput {
    /// The mask, as it stands in the text.
    pub mask: String,
    /// The secret.
    #[graphql(secret)]
    pub value: String,
}

impl std::fmt::Debug for MaskedSecretInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MaskedSecretInput").field("mask", &self.mask).finish_non_exhaustive()
    }
}
