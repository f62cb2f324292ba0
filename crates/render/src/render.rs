//! The render itself: a composition in, Kubernetes objects out.

use std::rc::Rc;

use serde_json::Value;
use strata_model::{
    cluster::Infrastructure,
    diagnostic::Diagnostic,
    fact::FactKey,
    render::{LayerValues, Render},
    secret::SecretText,
};
use strata_values::secret_object;

use crate::{
    assemble::{Assembled, assemble},
    base::layer_file,
    capabilities::Capabilities,
    conceal::conceal,
    definitions::Definitions,
    input::RenderInput,
    layer_values::{Prepared, PreparedLayers, prepare},
    manifests::{self, Allowance},
    objects::Manifest,
    pack_charts,
    template::with_large_stack,
};

/// How often templates are executed at most until what they ask and what they define agree.
const MAX_ROUNDS: usize = 4;

/// Renders a composition for a cluster.
///
/// Templates may ask what the cluster serves, and what it will serve depends on the definitions that templates write;
/// so templates are executed again with these where an answer would have been another.
///
/// # Errors
/// All problems of all layers, each with layer, file, line and column as far as there are such.
pub fn render(input: &RenderInput<'_>) -> Result<Render, Vec<Diagnostic>> {
    render_asking(input).map_err(|failed| failed.problems)
}

/// A render that failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Unrendered {
    /// All problems of all layers.
    pub problems: Vec<Diagnostic>,
    /// What `lookup` asked for and nobody has read yet: such an answer counts as empty, and with a real one the render may
    /// succeed.
    pub unanswered: Vec<FactKey>,
}

/// [`render`], for a caller that can ask the cluster and try again.
///
/// # Errors
/// As [`render`], and what was asked meanwhile.
pub fn render_asking(input: &RenderInput<'_>) -> Result<Render, Unrendered> {
    rendered(input, finish)
}

/// What the templates of a composition wrote, with nothing done to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The objects as the templates have them: layer by layer, definitions of charts first and hooks of charts last.
    pub objects: Vec<Value>,
    /// The namespaces that the layers want, and that would be made for them.
    pub namespaces: Vec<String>,
    /// What the author should know but what does not stop the render.
    pub warnings: Vec<Diagnostic>,
}

/// Renders a composition, and leaves the objects as they were written: no labels of ours, no namespaces filled in.
///
/// # Errors
/// As [`render`], but for what is wrong between objects.
pub(crate) fn written(input: &RenderInput<'_>) -> Result<Written, Vec<Diagnostic>> {
    let written = rendered(input, |input, capabilities, attempt| {
        let mut warnings = attempt.warnings;
        warnings.extend(general_warnings(input, capabilities));
        let namespaces = attempt.prepared.iter().flat_map(|layer| &layer.settings.namespaces);
        let objects = attempt.manifests.into_iter().flatten().map(|manifest| Value::Object(manifest.body));
        Ok(Written {
            objects: objects.collect(),
            namespaces: namespaces.map(|namespace| namespace.name.clone()).collect(),
            warnings,
        })
    });
    written.map_err(|failed| failed.problems)
}

/// Executes the templates and makes something of what they wrote.
fn rendered<T: Send>(input: &RenderInput<'_>, finish: Finish<T>) -> Result<T, Unrendered> {
    on_stack(input, finish).map_err(|failed| {
        let defaults: Vec<SecretText> = input
            .layers
            .iter()
            .flat_map(|layer| layer.variables)
            .filter(|variable| variable.sensitive)
            .filter_map(|variable| variable.default_value.as_deref().map(SecretText::new))
            .collect();
        let looked_up: Vec<SecretText> =
            input.facts.lookups.values().flat_map(secret_object::secret_values).collect();
        let secrets = input.secrets.values().chain(&defaults).chain(&looked_up);
        let problems = conceal(failed.problems, secrets);
        Unrendered { problems, ..failed }
    })
}

/// What is made of an execution whose answers hold.
type Finish<T> = fn(&RenderInput<'_>, &Rc<Capabilities>, Attempt<'_>) -> Result<T, Vec<Diagnostic>>;

/// Charts include templates deeper than an ordinary stack allows.
fn on_stack<T: Send>(input: &RenderInput<'_>, finish: Finish<T>) -> Result<T, Unrendered> {
    if input.layers.iter().all(|layer| layer.pack.charts.is_empty()) {
        return settled(input, finish);
    }
    with_large_stack(|| settled(input, finish)).unwrap_or_else(|error| {
        let message = format!("there is no thread to render charts on: {error}");
        let problem = Diagnostic::new("RENDER_WITHOUT_THREAD", message);
        let problem = problem.with_help("try again when less is going on");
        Err(Unrendered { problems: vec![problem], unanswered: Vec::new() })
    })
}

fn settled<T>(input: &RenderInput<'_>, finish: Finish<T>) -> Result<T, Unrendered> {
    let mut capabilities = Rc::new(Capabilities::new(input.facts.clone(), Definitions::default()));
    let mut round = 1;
    loop {
        let failed = |problems| Unrendered { problems, unanswered: capabilities.unanswered() };
        let attempt = execute(input, &capabilities).map_err(failed)?;
        let mut found = Definitions::default();
        for manifest in attempt.manifests.iter().flatten() {
            found.add_manifest(&manifest.body);
        }
        if !capabilities.depends_on(&found) {
            capabilities.settle(found);
            return finish(input, &capabilities, attempt).map_err(failed);
        }
        if round == MAX_ROUNDS {
            let message = "what the templates define depends on what they define: they come to no end";
            let problem = Diagnostic::new("CAPABILITIES_DO_NOT_SETTLE", message);
            let help = "do not render a definition only where `.Capabilities.APIVersions.Has` denies it";
            return Err(failed(vec![problem.with_help(help)]));
        }
        capabilities = Rc::new(capabilities.again(found));
        round += 1;
    }
}

/// One execution of all templates.
struct Attempt<'a> {
    prepared: Vec<Prepared<'a>>,
    /// By layer.
    manifests: Vec<Vec<Manifest>>,
    kubernetes_version: Option<strata_model::version::KubernetesVersion>,
    warnings: Vec<Diagnostic>,
}

fn execute<'a>(
    input: &RenderInput<'a>,
    capabilities: &Rc<Capabilities>,
) -> Result<Attempt<'a>, Vec<Diagnostic>> {
    let made = matches!(input.cluster.infrastructure, Infrastructure::ClusterApi { .. });
    let PreparedLayers { layers: prepared, version: kubernetes_version, mut problems } =
        prepare(input, capabilities, made);
    let (mut manifests, mut warnings) = (Vec::new(), Vec::new());
    let mut allowance = Allowance::default();
    for layer in &prepared {
        if layer.layer.layer.kind.is_infrastructure() && !made {
            warnings.extend(described_only(input, layer));
            manifests.push(Vec::new());
            continue;
        }
        let mut written = Vec::new();
        match manifests::run(input, capabilities, layer, &mut allowance) {
            Ok(own) => written.extend(own),
            Err(more) => problems.extend(more),
        }
        match pack_charts::run(input, capabilities, layer, &mut allowance) {
            Ok(own) => {
                written.extend(own.manifests);
                warnings.extend(own.warnings);
            }
            Err(more) => problems.extend(more),
        }
        manifests.push(written);
    }
    if !problems.is_empty() {
        // Passwords of a schema, and what functions made of secrets, are known only here.
        return Err(conceal(problems, prepared.iter().flat_map(|layer| &layer.secrets)));
    }
    Ok(Attempt { prepared, manifests, kubernetes_version, warnings })
}

fn described_only(input: &RenderInput<'_>, prepared: &Prepared<'_>) -> Option<Diagnostic> {
    let layer = prepared.layer.layer;
    let why = match input.cluster.infrastructure {
        Infrastructure::None => "the machines of an imported cluster belong to somebody else",
        Infrastructure::Edge => "there is no agent yet for edge hosts",
        Infrastructure::ClusterApi { .. } => return None,
    };
    let message = format!("the {} layer `{}` only describes this cluster: {why}", layer.kind, layer.name);
    Some(
        Diagnostic::new("INFRASTRUCTURE_ONLY_DESCRIBED", message)
            .in_file(layer_file(layer, "values.yaml"))
            .with_help("attach an ADDON profile for what is to run on it"),
    )
}

fn finish(
    input: &RenderInput<'_>,
    capabilities: &Rc<Capabilities>,
    attempt: Attempt<'_>,
) -> Result<Render, Vec<Diagnostic>> {
    let Attempt { prepared, manifests, kubernetes_version, mut warnings } = attempt;
    let mut secrets = Vec::new();
    let Assembled { objects, hooks, duplicates } =
        assemble(input, capabilities, prepared.iter().zip(manifests).collect())?;
    for object in objects.iter().chain(hooks.iter().map(|hook| &hook.object)) {
        secrets.extend(secret_object::secret_values(&object.body));
    }
    // What was looked up may have been copied into anything.
    secrets.extend(capabilities.facts_read().values().flat_map(secret_object::secret_values));
    warnings.extend(general_warnings(input, capabilities));
    let layers = layers_of(prepared, &mut secrets);
    Ok(Render {
        objects,
        hooks,
        layers,
        facts_read: capabilities.facts_read(),
        facts_seen: capabilities.facts_seen(),
        is_own: capabilities.is_own(),
        kubernetes_version,
        warnings,
        duplicates,
        secrets,
    })
}

/// The values of layers; what is secret in them comes to the other secrets, each once.
fn layers_of(prepared: Vec<Prepared<'_>>, secrets: &mut Vec<SecretText>) -> Vec<LayerValues> {
    let mut layers = Vec::with_capacity(prepared.len());
    for layer in prepared {
        secrets.extend(layer.secrets);
        let (definition, pack) = (layer.layer.layer, layer.layer.pack);
        layers.push(LayerValues {
            layer: definition.name.clone(),
            kind: definition.kind,
            pack: format!("{} {}", pack.name, pack.version),
            revision: layer.layer.revision.clone(),
            text: layer.text,
            value: layer.value,
            origins: layer.origins,
        });
    }
    // Secrets that no template used may still stand in a value's text.
    secrets.sort_by(|a, b| a.expose().cmp(b.expose()));
    secrets.dedup_by(|a, b| a == b);
    secrets.retain(|secret| !secret.expose().is_empty());
    layers
}

/// The values of a composition whose templates do not render, with no objects. That of no other cluster follows from it: nobody
/// knows what it would have read. What only templates make (what a hook's Secret holds and no value says) is not known as
/// secret.
///
/// # Errors
/// Where a value cannot be resolved: then it is not known either what is secret.
pub fn render_values(input: &RenderInput<'_>) -> Result<Render, Vec<Diagnostic>> {
    let capabilities = Rc::new(Capabilities::new(input.facts.clone(), Definitions::default()));
    let made = matches!(input.cluster.infrastructure, Infrastructure::ClusterApi { .. });
    let PreparedLayers { layers: prepared, version: kubernetes_version, problems } =
        prepare(input, &capabilities, made);
    if !problems.is_empty() {
        return Err(conceal(problems, prepared.iter().flat_map(|layer| &layer.secrets)));
    }
    let mut secrets: Vec<SecretText> =
        input.facts.lookups.values().flat_map(secret_object::secret_values).collect();
    for attached in prepared.iter().flat_map(|layer| &layer.attached) {
        let documents = strata_values::parse_documents(&attached.1, "").unwrap_or_default();
        secrets.extend(documents.iter().flat_map(|document| secret_object::secret_values(&document.value)));
    }
    let layers = layers_of(prepared, &mut secrets);
    Ok(Render { layers, kubernetes_version, secrets, is_own: true, ..Render::default() })
}

fn general_warnings(input: &RenderInput<'_>, capabilities: &Capabilities) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    for source in &input.composition.overrides {
        for own in source.layers() {
            if !input.layers.iter().any(|layer| layer.layer.name == own.layer) {
                let message =
                    format!("the override of layer `{}` has no effect: there is no such layer", own.layer);
                let diagnostic = Diagnostic::new("OVERRIDE_WITHOUT_LAYER", message);
                warnings
                    .push(diagnostic.with_help("remove the override, or attach a profile with the layer"));
            }
        }
    }
    if capabilities.version_was_unknown() {
        let message = "a template asks for the Kubernetes version, and nobody knows it";
        warnings.push(
            Diagnostic::new("KUBERNETES_VERSION_UNKNOWN", message)
                .with_help("reach the cluster first, or attach a profile with a Kubernetes layer"),
        );
    }
    for question in capabilities.unanswered() {
        let message = format!("`{question}` has no answer yet; it counts as empty");
        warnings.push(
            Diagnostic::new("LOOKUP_UNANSWERED", message).with_help("plan again once the cluster is reached"),
        );
    }
    warnings
}
