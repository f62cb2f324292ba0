//! What a composition refers to.

use strata_model::{
    composition::Composition,
    digest::Digest,
    error::{Refusal, RefusalCode},
    pack::Pack,
    profile::{Layer, ProfileContent, RevisionReference},
    secret::{Fingerprint, SecretText},
};

/// Frozen content by reference, read before the pure core is called.
pub trait Contents {
    /// The content of a revision.
    fn profile(&self, revision: &RevisionReference) -> Option<&ProfileContent>;
    /// A pack by the digest of its content.
    fn pack(&self, digest: &Digest) -> Option<&Pack>;
    /// The text of a sensitive value, to validate it; none when it is not at hand.
    fn secret(&self, fingerprint: &Fingerprint) -> Option<&SecretText>;
}

/// One layer of a composition with its pack.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedLayer<'a> {
    /// The layer.
    pub layer: &'a Layer,
    /// Its pack.
    pub pack: &'a Pack,
    /// The revision it comes from.
    pub revision: RevisionReference,
    /// Whether it is held at another revision than its profile's.
    pub held: bool,
}

/// The layers of a composition, in order: by attachment, then as the profile has them.
///
/// # Errors
/// `NOT_FOUND` when a revision or pack is not among the contents.
pub fn layers<'a>(
    composition: &Composition,
    contents: &'a dyn Contents,
) -> Result<Vec<ResolvedLayer<'a>>, Refusal> {
    let mut resolved = Vec::new();
    for attachment in &composition.attachments {
        for layer in &profile(contents, &attachment.revision)?.layers {
            let held = composition.held.iter().find(|held| held.layer == layer.name);
            let revision = held.map_or(&attachment.revision, |held| &held.revision);
            let layer = match held {
                None => layer,
                Some(held) => profile(contents, &held.revision)?
                    .layers
                    .iter()
                    .find(|candidate| candidate.name == held.layer)
                    .ok_or_else(|| {
                        Refusal::not_found("layer", format!("{} of {}", held.layer, held.revision))
                    })?,
            };
            let pack = contents.pack(&layer.pack.digest).ok_or_else(|| {
                Refusal::not_found("pack", format!("{} {}", layer.pack.name, layer.pack.version))
            })?;
            resolved.push(ResolvedLayer { layer, pack, revision: revision.clone(), held: held.is_some() });
        }
    }
    Ok(resolved)
}

fn profile<'a>(
    contents: &'a dyn Contents,
    revision: &RevisionReference,
) -> Result<&'a ProfileContent, Refusal> {
    contents.profile(revision).ok_or_else(|| {
        Refusal::new(
            RefusalCode::NotFound,
            format!("there is no profile version {revision} in this project"),
            "list what there is with `strata profile list`, or choose another project",
        )
    })
}
