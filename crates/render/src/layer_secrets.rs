//! Secrets that the author of a layer wrote into it in the clear: what its pack's schema calls passwords, and the data of Secret
//! objects among its own manifests.

use strata_model::{diagnostic::Diagnostic, pack::Pack, profile::Layer, secret::SecretText};
use strata_values::{parse_documents, secret_object};

use crate::{base::attached_source, references::has_reference, schema};

/// The secrets that a layer holds itself. Texts that cannot be read hold none that is known; [`check_attached`] and
/// [`crate::layer_base`] say which those are.
#[must_use]
pub fn layer_secrets(layer: &Layer, pack: &Pack) -> Vec<SecretText> {
    let mut secrets = schema::layer_passwords(layer, pack);
    for manifest in &layer.manifests {
        let Ok(documents) = parse_documents(&manifest.text, "") else { continue };
        let values = documents.iter().flat_map(|document| secret_object::secret_values(&document.value));
        // What is only a reference is no secret yet.
        secrets.extend(values.filter(|secret| !has_reference(secret.expose())));
    }
    secrets
}

/// Whether a layer's own manifests can be read as they are written, before references are resolved.
///
/// # Errors
/// Those of [`strata_values::parse_documents`], in ``layer `x` manifest `y` ``.
pub fn check_attached(layer: &Layer) -> Result<(), Vec<Diagnostic>> {
    let read = |manifest: &strata_model::profile::AttachedManifest| {
        let file = attached_source(layer, &manifest.name);
        parse_documents(&manifest.text, &file).err()
    };
    let problems: Vec<Diagnostic> = layer.manifests.iter().filter_map(read).collect();
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}
