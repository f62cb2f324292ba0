//! Validating a profile: every problem at once, each with its layer and place, before any cluster runs it.
//!
//! *Idea.* What can be said of the content alone is said by [`structure`], [`variables`] and [`packs`]; then the content is
//! rendered for a stand-in of a cluster, by the renderer that clusters get, and what it refuses, or what no cluster of that
//! Kubernetes version would take, is told as well. Whoever knows an API server holds the objects against its schemas then.
//!
//! *Guarantees.* Pure. A profile without errors renders for a cluster that gives its variables the values that were tried.
//!
//! *Caveats.* A variable that a cluster must set is tried with a value made up from its format; where none fits its pattern,
//! nothing is rendered, and a warning says so. Other values may still break a template.

mod objects;
mod packs;
mod schemas;
mod structure;
mod variables;

use std::{
    borrow::Borrow,
    collections::{BTreeMap, BTreeSet},
};

use strata_model::{
    digest::{Digest, DigestKey},
    pack::Pack,
    problem::Problem,
    profile::{LayerName, ProfileContent, ProfileType},
    render::Render,
    secret::SecretText,
    version::KubernetesVersion,
};
use strata_render::{Given, check_attached, layer_base, layer_secrets, render_profile, unpublished};
use strata_values::Redactor;

pub(crate) use variables::tried;

use crate::{compose::ResolvedLayer, schema::ApiSchemas};

/// All problems of a profile's content, the errors first, in the order of its layers. As [`Validation::of`], with no API
/// server to hold its objects against.
#[must_use]
pub fn validate<P: Borrow<Pack>>(
    profile_type: ProfileType,
    content: &ProfileContent,
    packs: &BTreeMap<Digest, P>,
    given: &Given,
    key: &DigestKey,
) -> Vec<Problem> {
    Validation::of(profile_type, content, packs, given).problems(key)
}

/// What was found out about a profile's content so far.
#[derive(Debug)]
pub struct Validation {
    content: ProfileContent,
    problems: Vec<Problem>,
    /// What it renders to, where it does.
    render: Option<Render>,
    secrets: Vec<SecretText>,
}

impl Validation {
    /// Finds what can be found without any cluster. `packs` has the packs of its layers by digest; `given` says what is known
    /// of the clusters that it is for, the macros of its project above all.
    #[must_use]
    pub fn of<P: Borrow<Pack>>(
        profile_type: ProfileType,
        content: &ProfileContent,
        packs: &BTreeMap<Digest, P>,
        given: &Given,
    ) -> Self {
        let mut secrets: Vec<SecretText> = given.secrets.values().cloned().collect();
        let mut problems = structure::problems(profile_type, content);
        problems.extend(variables::problems(&content.variables));
        let revision = unpublished();
        let mut resolved = Vec::with_capacity(content.layers.len());
        let names: BTreeSet<&LayerName> = content.layers.iter().map(|layer| &layer.name).collect();
        // Two layers of one name, or texts that cannot be read, cannot be rendered; they are told.
        let mut readable = names.len() == content.layers.len();
        for layer in &content.layers {
            let Some(pack) = packs.get(&layer.pack.digest).map(Borrow::borrow) else {
                problems.push(packs::unknown(layer));
                readable = false;
                continue;
            };
            secrets.extend(layer_secrets(layer, pack));
            let base = layer_base(layer, pack, &revision).map(drop);
            for found in [base, check_attached(layer)].into_iter().filter_map(Result::err).flatten() {
                problems.push(Problem::error(Some(layer.name.clone()), found));
                readable = false;
            }
            resolved.push(ResolvedLayer { layer, pack, revision: revision.clone(), held: false });
        }
        problems.extend(packs::problems(profile_type, &resolved));
        problems.extend(variables::unused(content, &resolved));
        let mut rendered = None;
        if readable {
            let mended = variables::mended(content);
            match variables::tried(&mended, given) {
                Ok(given) => match render_profile(&mended, packs, &given) {
                    Ok(render) => {
                        secrets.extend(render.secrets.iter().cloned());
                        problems.extend(objects::problems(content, &render));
                        // What it defines itself is known without a cluster.
                        problems.extend(schemas::problems(content, &render, ApiSchemas::default()));
                        rendered = Some(render);
                    }
                    Err(found) => problems.extend(
                        found.into_iter().map(|found| Problem::error(layer_of(content, &found), found)),
                    ),
                },
                Err(warning) => problems.push(warning),
            }
        }
        Self { content: content.clone(), problems, render: rendered, secrets }
    }

    /// The Kubernetes version that it asks for, if a layer of it does.
    #[must_use]
    pub fn kubernetes_version(&self) -> Option<&KubernetesVersion> {
        self.render.as_ref()?.kubernetes_version.as_ref()
    }

    /// The group versions that [`Self::hold_against`] wants to know: those of its objects, what it defines itself aside.
    #[must_use]
    pub fn group_versions(&self) -> BTreeSet<String> {
        self.render.as_ref().map_or_else(BTreeSet::new, schemas::group_versions)
    }

    /// Holds its objects against what an API server publishes.
    pub fn hold_against(&mut self, schemas: ApiSchemas) {
        if let Some(render) = &self.render {
            self.problems.extend(schemas::problems(&self.content, render, schemas));
        }
    }

    /// Adds what whoever asks has to say.
    pub fn tell(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// All problems, the errors first, in the order of its layers; secrets masked.
    #[must_use]
    pub fn problems(self, key: &DigestKey) -> Vec<Problem> {
        let Self { content, mut problems, secrets, .. } = self;
        // Stable: what stands together stays together.
        problems.sort_by_key(|problem| {
            let position =
                content.layers.iter().position(|layer| Some(&layer.name) == problem.layer.as_ref());
            (problem.severity, position)
        });
        let redactor = Redactor::new(key, secrets);
        let mut told = BTreeSet::new();
        problems.retain_mut(|problem| {
            let diagnostic = &mut problem.diagnostic;
            diagnostic.message = redactor.mask_text(&diagnostic.message);
            diagnostic.help = diagnostic.help.as_deref().map(|help| redactor.mask_text(help));
            told.insert(problem.to_string())
        });
        problems
    }
}

/// The layer that a problem of the renderer is about: it names files ``layer `x` …``.
fn layer_of(content: &ProfileContent, found: &strata_model::diagnostic::Diagnostic) -> Option<LayerName> {
    let (name, _) = found.file.as_deref()?.strip_prefix("layer `")?.split_once('`')?;
    content.layers.iter().map(|layer| &layer.name).find(|layer| layer.as_str() == name).cloned()
}
