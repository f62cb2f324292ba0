//! The values of each layer on one cluster: base, overrides, references.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    rc::Rc,
};

use serde_json::Value;
use strata_model::{
    Timestamp, diagnostic::Diagnostic, profile::LayerKind, render::Origin, secret::SecretText,
    version::KubernetesVersion,
};
use strata_values::{Layered, edit};

use crate::{
    base::{attached_source, layer_base, layer_file},
    capabilities::Capabilities,
    input::{LayerSeed, RenderInput},
    layers::ResolvedLayer,
    references::{self, Misplaced},
    schema,
    settings::{self, Settings},
    template::{Context, Draw, Generator, SeededGenerator},
    variables::Scope,
    whereabouts::Whereabouts,
};

/// One layer, ready for its templates.
#[derive(Debug)]
pub(crate) struct Prepared<'a> {
    pub(crate) layer: ResolvedLayer<'a>,
    pub(crate) text: String,
    pub(crate) value: Value,
    pub(crate) origins: BTreeMap<String, Origin>,
    pub(crate) settings: Settings,
    pub(crate) secrets: Vec<SecretText>,
    /// The profile's own manifests, their references resolved: what stands for a file, and the text.
    pub(crate) attached: Vec<(String, String)>,
}

/// A layer's values with overrides, references still in them.
struct Overridden<'a> {
    layer: ResolvedLayer<'a>,
    text: String,
    layered: Cow<'a, Layered<Origin>>,
    origins: BTreeMap<String, Origin>,
}

/// What became of all layers.
#[derive(Debug)]
pub(crate) struct PreparedLayers<'a> {
    /// Those that are ready, in order.
    pub(crate) layers: Vec<Prepared<'a>>,
    /// The Kubernetes version that they ask for.
    pub(crate) version: Option<KubernetesVersion>,
    /// What is wrong with the others.
    pub(crate) problems: Vec<Diagnostic>,
}

/// The context of a layer's templates and references.
pub(crate) fn context(capabilities: &Rc<Capabilities>, seed: Option<&LayerSeed>) -> Context {
    // Without a seed nothing may be generated; `render` refuses layers that lack one before they get here.
    let (seed, instant) = seed.map_or(([0; 32], Timestamp::UNIX_EPOCH), |seed| (seed.seed, seed.instant));
    let generator =
        OwnGenerator { seeded: SeededGenerator::new(seed, instant), capabilities: Rc::clone(capabilities) };
    Context::new(Rc::clone(capabilities) as Rc<_>, Rc::new(generator))
}

/// Remembers that a cluster's own seed was drawn from.
#[derive(Debug)]
struct OwnGenerator {
    seeded: SeededGenerator,
    capabilities: Rc<Capabilities>,
}

impl Generator for OwnGenerator {
    fn block(&self, draw: &Draw<'_>, counter: u64) -> [u8; 32] {
        self.capabilities.note_own();
        self.seeded.block(draw, counter)
    }

    fn now(&self) -> Timestamp {
        self.capabilities.note_own();
        self.seeded.now()
    }
}

/// Prepares all layers. Problems of all of them are collected; the others are ready all the same, so that what is wrong
/// with their templates can be told along.
pub(crate) fn prepare<'a>(
    input: &RenderInput<'a>,
    capabilities: &Rc<Capabilities>,
    made_by_composition: bool,
) -> PreparedLayers<'a> {
    let mut problems = Vec::new();
    let mut overridden = Vec::with_capacity(input.layers.len());
    for layer in input.layers {
        match override_layer(input, layer) {
            Ok(layer) => overridden.push(layer),
            Err(more) => problems.extend(more),
        }
    }
    let mut packs: BTreeMap<String, Value> = BTreeMap::new();
    for layer in &overridden {
        // Of two layers with one pack the first answers.
        if let Entry::Vacant(entry) = packs.entry(layer.layer.pack.name.clone()) {
            entry.insert(layer.layered.value().clone());
        }
    }
    let version = match version_of(input, capabilities, &overridden, &packs) {
        Ok(version) => version,
        Err(more) => {
            problems.extend(more);
            None
        }
    };
    // An imported cluster has the version that it has, whatever a layer describes.
    if made_by_composition || capabilities.facts().kubernetes_version.is_none() {
        capabilities.set_target(version.clone());
    }
    let mut known: Vec<SecretText> = Vec::new();
    let mut resolved = BTreeSet::new();
    let mut prepared = Vec::with_capacity(overridden.len());
    for layer in overridden {
        match resolve(input, capabilities, layer, &packs, &known) {
            Ok(layer) => {
                known.extend(layer.secrets.iter().cloned());
                if resolved.insert(layer.layer.pack.name.clone()) {
                    packs.insert(layer.layer.pack.name.clone(), layer.value.clone());
                }
                prepared.push(layer);
            }
            Err(more) => problems.extend(more),
        }
    }
    PreparedLayers { layers: prepared, version, problems }
}

fn override_layer<'a>(
    input: &RenderInput<'a>,
    layer: &ResolvedLayer<'a>,
) -> Result<Overridden<'a>, Vec<Diagnostic>> {
    let (mut text, mut layered, mut origins) = match layer.base {
        Some(base) => (base.text.clone(), Cow::Borrowed(&base.layered), base.origins.clone()),
        None => {
            let base = layer_base(layer.layer, layer.pack, layer.revision)?;
            (base.text, Cow::Owned(base.layered), base.origins)
        }
    };
    let mut problems = Vec::new();
    let mut overridden = false;
    for source in &input.composition.overrides {
        for own in source.layers().iter().filter(|own| own.layer == layer.layer.name && !own.patch.is_empty())
        {
            let origin = Origin::Override { author: own.author.clone(), at: Some(own.at) };
            if let Err(conflict) = layered.to_mut().push_patch(&origin, &own.patch) {
                problems.push(
                    Diagnostic::new(
                        "OVERRIDE_DOES_NOT_FIT",
                        format!("the override of layer `{}`: {conflict}", own.layer),
                    )
                    .in_file(layer_file(layer.layer, "override"))
                    .with_help(
                        "remove the override of this path, or edit it to fit the values of the revision",
                    ),
                );
                continue;
            }
            overridden = true;
            text = edit::apply_patch(&text, &own.patch)
                .map_or_else(|_| strata_values::emit(layered.value()), |edited| edited.text);
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    if overridden {
        check_readonly(layer, &layered)?;
        origins =
            layered.leaves().into_iter().map(|(path, origin)| (path.to_string(), origin.clone())).collect();
    }
    Ok(Overridden { layer: *layer, text, layered, origins })
}

fn scope<'s>(
    input: &'s RenderInput<'_>,
    layer: &'s ResolvedLayer<'_>,
    packs: &'s BTreeMap<String, Value>,
    known: &'s [SecretText],
    capabilities: &'s Capabilities,
    text: &str,
    finding_version: bool,
) -> Scope<'s> {
    // Asking for the version may read a fact, so it is asked only where somebody refers to it.
    let asks = !finding_version && text.contains("kubernetes.version");
    Scope {
        cluster: input.cluster,
        layer: &layer.layer.name,
        revision: layer.revision,
        definitions: layer.variables,
        variables: &input.composition.variables,
        secrets: input.secrets,
        macros: &input.composition.macros,
        packs,
        known,
        capabilities,
        kubernetes_version: asks.then(|| capabilities.version()).flatten(),
    }
}

/// The version that the Kubernetes layer asks for; only what says it is resolved here.
fn version_of(
    input: &RenderInput<'_>,
    capabilities: &Rc<Capabilities>,
    layers: &[Overridden<'_>],
    packs: &BTreeMap<String, Value>,
) -> Result<Option<KubernetesVersion>, Vec<Diagnostic>> {
    let Some(own) = layers.iter().find(|own| own.layer.layer.kind == LayerKind::Kubernetes) else {
        return Ok(None);
    };
    let values = own.layered.value();
    let mut said = serde_json::Map::new();
    if let Some(version) = values.get("kubernetesVersion") {
        said.insert("kubernetesVersion".to_owned(), version.clone());
    }
    if let Some(version) = values.get("pack").and_then(|pack| pack.get("kubernetesVersion")) {
        said.insert("pack".to_owned(), serde_json::json!({ "kubernetesVersion": version }));
    }
    let context = context(capabilities, input.seeds.get(&own.layer.layer.name));
    let scope = scope(input, &own.layer, packs, &[], capabilities, &own.text, true);
    // Problems of references are told once, when the whole layer is resolved.
    let Ok(resolved) = references::resolve(&Value::Object(said), &own.text, &scope, &context) else {
        return Ok(None);
    };
    settings::kubernetes_version(own.layer.layer, own.layer.pack, &resolved.value)
        .map_err(|problem| vec![problem])
}

/// What a pack's schema calls read-only is the profile's alone.
fn check_readonly(layer: &ResolvedLayer<'_>, overridden: &Layered<Origin>) -> Result<(), Vec<Diagnostic>> {
    let Some(text) = &layer.pack.schema else { return Ok(()) };
    let rules = schema::parse_schema(text)?;
    if rules.iter().all(|rule| !rule.readonly) {
        return Ok(());
    }
    let base = match layer.base {
        Some(base) => base.value.clone(),
        None => layer_base(layer.layer, layer.pack, layer.revision)?.value,
    };
    let file = layer_file(layer.layer, "override");
    let problems = schema::check_readonly(&rules, &base, overridden.value());
    if problems.is_empty() {
        return Ok(());
    }
    Err(problems.into_iter().map(|problem| problem.in_file(&file)).collect())
}

fn resolve<'a>(
    input: &RenderInput<'a>,
    capabilities: &Rc<Capabilities>,
    own: Overridden<'a>,
    packs: &BTreeMap<String, Value>,
    known: &[SecretText],
) -> Result<Prepared<'a>, Vec<Diagnostic>> {
    let layer = own.layer.layer;
    let whereabouts = Whereabouts::new(&own.layer, &own.origins);
    let context = context(capabilities, input.seeds.get(&layer.name));
    let resolved = {
        let scope = scope(input, &own.layer, packs, known, capabilities, &own.text, false);
        references::resolve(own.layered.value(), &own.text, &scope, &context).map_err(|problems| {
            let place = |it: Misplaced| whereabouts.locate(it.problem, &it.path, &it.shown);
            problems.into_iter().map(place).collect::<Vec<_>>()
        })?
    };
    let mut secrets = resolved.secrets;
    let mut problems = Vec::new();
    let mut attached = Vec::with_capacity(layer.manifests.len());
    for manifest in &layer.manifests {
        let scope = scope(input, &own.layer, packs, known, capabilities, &manifest.text, false);
        let file = attached_source(layer, &manifest.name);
        match references::resolve_text(&manifest.text, &file, &scope, &context) {
            Ok((text, found)) => {
                secrets.extend(found);
                attached.push((file, text));
            }
            Err(more) => problems.extend(more),
        }
    }
    if let Some(text) = &own.layer.pack.schema {
        let rules = schema::parse_schema(text)?;
        secrets.extend(schema::passwords(&rules, own.layered.value()));
        secrets.extend(schema::passwords(&rules, &resolved.value));
        let found = schema::check_values(&rules, &resolved.value).into_iter();
        problems.extend(found.map(|(path, problem)| whereabouts.locate(problem, &path, &path)));
    }
    let settings = match settings::read(layer, &resolved.value) {
        Ok(settings) if problems.is_empty() => settings,
        Ok(_) => return Err(problems),
        Err(more) => {
            problems.extend(more);
            return Err(problems);
        }
    };
    let mut origins = own.origins;
    origins.extend(resolved.origins);
    Ok(Prepared {
        layer: own.layer,
        text: own.text,
        value: resolved.value,
        origins,
        settings,
        secrets,
        attached,
    })
}
