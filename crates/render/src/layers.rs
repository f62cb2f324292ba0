//! Which layers a composition consists of, in order, held ones at the revision they are held at.

use std::{borrow::Borrow, collections::BTreeMap};

use strata_model::{
    composition::{Attachment, Composition},
    diagnostic::Diagnostic,
    digest::Digest,
    pack::Pack,
    profile::{Layer, LayerName, ProfileContent, RevisionReference},
    variable::VariableDefinition,
};

use crate::{base::LayerBase, chart::Chart, template::Engine};

/// One layer with all that it refers to.
#[derive(Debug, Clone, Copy)]
pub struct ResolvedLayer<'a> {
    /// The layer.
    pub layer: &'a Layer,
    /// Its pack.
    pub pack: &'a Pack,
    /// The revision that it comes from; that of the hold, if it is held.
    pub revision: &'a RevisionReference,
    /// The variables that its references mean: those of the same revision.
    pub variables: &'a [VariableDefinition],
    /// The base, if it was made before; else the render makes it.
    pub base: Option<&'a LayerBase>,
    /// The pack's templates, if they were parsed before; else the render parses them.
    pub templates: Option<&'a Engine>,
    /// The pack's charts in its order, if they were read before; else the render reads them.
    pub charts: Option<&'a [Chart]>,
}

/// Finds the layers of a composition. `contents` has the content of each attached revision and of each held one, `packs`
/// the packs by digest.
///
/// # Errors
/// `UNKNOWN_REVISION`, `UNKNOWN_PACK`, `UNKNOWN_LAYER` (a hold that names no layer), `DUPLICATE_LAYER`.
pub fn resolve_layers<'a, C: Borrow<ProfileContent>, P: Borrow<Pack>>(
    composition: &'a Composition,
    contents: &'a BTreeMap<RevisionReference, C>,
    packs: &'a BTreeMap<Digest, P>,
) -> Result<Vec<ResolvedLayer<'a>>, Vec<Diagnostic>> {
    let mut resolver = Resolver { packs, layers: Vec::new(), problems: Vec::new() };
    for attachment in &composition.attachments {
        let Some(content) = resolver.content(contents, &attachment.revision) else { continue };
        for layer in &content.layers {
            let held = composition.held.iter().find(|held| held.layer == layer.name);
            match held.filter(|held| held.revision.profile == attachment.revision.profile) {
                None => resolver.push(layer, &attachment.revision, content),
                Some(held) => resolver.push_held(contents, &held.revision, &held.layer),
            }
        }
        // A layer that the revision no longer has is held all the same, after the others.
        for held in composition.held.iter().filter(|held| is_of(attachment, &held.revision)) {
            if !content.layers.iter().any(|layer| layer.name == held.layer) {
                resolver.push_held(contents, &held.revision, &held.layer);
            }
        }
    }
    if resolver.problems.is_empty() { Ok(resolver.layers) } else { Err(resolver.problems) }
}

fn is_of(attachment: &Attachment, revision: &RevisionReference) -> bool {
    attachment.revision.profile == revision.profile
}

struct Resolver<'a, P> {
    packs: &'a BTreeMap<Digest, P>,
    layers: Vec<ResolvedLayer<'a>>,
    problems: Vec<Diagnostic>,
}

impl<'a, P: Borrow<Pack>> Resolver<'a, P> {
    fn content<C: Borrow<ProfileContent>>(
        &mut self,
        contents: &'a BTreeMap<RevisionReference, C>,
        revision: &RevisionReference,
    ) -> Option<&'a ProfileContent> {
        let content = contents.get(revision).map(Borrow::borrow);
        if content.is_none() {
            let message = format!("the content of {revision} is not there");
            self.problems
                .push(Diagnostic::new("UNKNOWN_REVISION", message).with_help("attach a published version"));
        }
        content
    }

    fn push_held<C: Borrow<ProfileContent>>(
        &mut self,
        contents: &'a BTreeMap<RevisionReference, C>,
        revision: &'a RevisionReference,
        name: &LayerName,
    ) {
        let Some(content) = self.content(contents, revision) else { return };
        match content.layers.iter().find(|layer| layer.name == *name) {
            Some(layer) => self.push(layer, revision, content),
            None => {
                let message = format!("the layer `{name}` is held at {revision}, which has no such layer");
                self.problems.push(
                    Diagnostic::new("UNKNOWN_LAYER", message).with_help("release the hold of this layer"),
                );
            }
        }
    }

    fn push(&mut self, layer: &'a Layer, revision: &'a RevisionReference, content: &'a ProfileContent) {
        if let Some(other) = self.layers.iter().find(|other| other.layer.name == layer.name) {
            let message = format!("{} and {revision} both have a layer `{}`", other.revision, layer.name);
            let help = "rename one of them in a new version of its profile";
            self.problems.push(Diagnostic::new("DUPLICATE_LAYER", message).with_help(help));
            return;
        }
        match self.packs.get(&layer.pack.digest).map(Borrow::borrow) {
            Some(pack) => self.layers.push(ResolvedLayer {
                layer,
                pack,
                revision,
                variables: &content.variables,
                base: None,
                templates: None,
                charts: None,
            }),
            None => {
                let message = format!(
                    "the pack {} {} of layer `{}` is not there with the digest {}",
                    layer.pack.name,
                    layer.pack.version,
                    layer.name,
                    layer.pack.digest.short()
                );
                self.problems
                    .push(Diagnostic::new("UNKNOWN_PACK", message).with_help("publish the pack again"));
            }
        }
    }
}
