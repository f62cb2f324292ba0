//! Where a value of a layer was written: in the layer's own text, in its pack's, in a preset, or in an override.
//!
//! Values are merged before they are resolved, and nobody wrote the merged text; problems are told where somebody can mend
//! them.

use std::{cell::OnceCell, collections::BTreeMap};

use strata_model::{diagnostic::Diagnostic, render::Origin, value_path::ValuePath};

use strata_values::place::Places;

use crate::{base::layer_file, layers::ResolvedLayer};

/// The texts that the values of one layer are made of.
#[derive(Debug)]
pub(crate) struct Whereabouts<'a> {
    layer: &'a ResolvedLayer<'a>,
    origins: &'a BTreeMap<String, Origin>,
    own: OnceCell<Places>,
    pack: OnceCell<Places>,
}

impl<'a> Whereabouts<'a> {
    /// `origins` say by path where merged values come from.
    pub(crate) const fn new(layer: &'a ResolvedLayer<'a>, origins: &'a BTreeMap<String, Origin>) -> Self {
        Self { layer, origins, own: OnceCell::new(), pack: OnceCell::new() }
    }

    /// A problem put where the value at a path was written. `path` is by position, `shown` names items of keyed lists by
    /// their key.
    pub(crate) fn locate(&self, problem: Diagnostic, path: &ValuePath, shown: &ValuePath) -> Diagnostic {
        let file = |name: &str| layer_file(self.layer.layer, name);
        let (own, pack) = ((self.own(), file("values.yaml")), (self.pack(), file("pack values.yaml")));
        let (places, name) = match self.origins.get(&shown.to_string()) {
            Some(Origin::Override { .. }) => return problem.in_file(file("override")),
            Some(Origin::Preset { preset }) => return problem.in_file(file(&format!("preset {preset}"))),
            Some(Origin::Pack { .. }) => pack,
            Some(Origin::Profile { .. }) => own,
            // A mapping or list may be put together of several.
            _ if own.0.get(path).is_none() && pack.0.get(path).is_some() => pack,
            _ => own,
        };
        places.locate(problem.in_file(name), path)
    }

    fn own(&self) -> &Places {
        self.own.get_or_init(|| Places::of(&self.layer.layer.values))
    }

    fn pack(&self) -> &Places {
        self.pack.get_or_init(|| Places::of(&self.layer.pack.values))
    }
}
