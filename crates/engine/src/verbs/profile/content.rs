//! The content of drafts and revisions: from what an author gives to what is stored, and what is wrong with it.
//!
//! What can be read is saved, also where it would not render yet: an author may come back to it. Only what has no errors is
//! published.

use std::collections::BTreeMap;

use strata_model::{
    diagnostic::Diagnostic,
    digest::Digest,
    error::{Refusal, RefusalCode},
    pack::PackReference,
    problem::Problem,
    profile::{
        AttachedManifest, ConflictPolicy, ImmutablePolicy, Layer, LayerKind, LayerName, OrphanPolicy,
        PresetChoice, ProfileContent, ProfileType, is_dns_label,
    },
    variable::{VariableDefinition, VariableValue},
};
use strata_plan::Validation;
use strata_render::Given;
use strata_store::{Draft, Optional as _, Uses};

use crate::{contents::SharedPack, error::EngineError, session::Session};

/// The content of a draft as its author gives it: packs by name and version.
#[derive(Debug, Clone, Default)]
pub struct DraftContent {
    /// In order.
    pub layers: Vec<DraftLayer>,
    /// By name.
    pub variables: Vec<VariableDefinition>,
}

/// One layer of a draft.
#[derive(Debug, Clone)]
pub struct DraftLayer {
    /// Unique over all profiles of a cluster.
    pub name: String,
    /// What it is; the pack's kind when left out.
    pub kind: Option<LayerKind>,
    /// Which pack.
    pub pack: DraftPack,
    /// The profile's own values, as text.
    pub values: Option<String>,
    /// Chosen presets.
    pub presets: Vec<PresetChoice>,
    /// Manifests of the profile's own.
    pub manifests: Vec<AttachedManifest>,
    /// Overrides the pack's install priority.
    pub install_priority: Option<i32>,
    /// Overrides the pack's namespace.
    pub namespace: Option<String>,
    /// When another manager holds a field.
    pub on_conflict: ConflictPolicy,
    /// When a change cannot be made in place.
    pub on_immutable: ImmutablePolicy,
    /// When an object is no longer rendered.
    pub orphan_policy: OrphanPolicy,
}

impl DraftLayer {
    /// A pack as it is: nothing else is said.
    pub fn new(name: impl Into<String>, pack: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kind: None,
            pack: DraftPack { name: pack.into(), version: version.into() },
            values: None,
            presets: Vec::new(),
            manifests: Vec::new(),
            install_priority: None,
            namespace: None,
            on_conflict: ConflictPolicy::default(),
            on_immutable: ImmutablePolicy::default(),
            orphan_policy: OrphanPolicy::default(),
        }
    }
}

/// A pack by name and version.
#[derive(Debug, Clone)]
pub struct DraftPack {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl Session {
    /// Turns names into pinned packs and puts masked secrets back. What is stored can be read: names, packs, YAML.
    pub(super) async fn resolve_content(
        &self,
        kind: ProfileType,
        draft: DraftContent,
        former: &ProfileContent,
    ) -> Result<ProfileContent, EngineError> {
        refuse_too_much(&draft)?;
        let unmasking = self.unmasking(former).await?;
        let mut problems = Vec::new();
        let mut layers = Vec::new();
        for layer in draft.layers {
            let place = format!("layer `{}`", layer.name);
            let name: LayerName = match layer.name.parse() {
                Ok(name) => name,
                Err(error) => {
                    problems.push(Diagnostic::new("LAYER_NAME", error.to_string()).in_file(place));
                    continue;
                }
            };
            let DraftPack { name: pack, version } = &layer.pack;
            let Some(record) = self.rows().pack_by_version(pack, version).await.optional()? else {
                let help = "list what there is with `strata pack list`, or add it with `strata pack add`";
                let problem = Diagnostic::new("UNKNOWN_PACK", format!("there is no pack {pack} {version}"));
                problems.push(problem.in_file(place).with_help(help));
                continue;
            };
            let was = former.layers.iter().find(|former| former.name == name);
            let values = layer.values.unwrap_or_default();
            let values_file = format!("{place} values.yaml");
            let values = match unmasking.text(values, was.map(|was| was.values.as_str()), &values_file) {
                Ok(values) => values,
                Err(problem) => {
                    problems.push(problem);
                    continue;
                }
            };
            let mut manifests = Vec::with_capacity(layer.manifests.len());
            for AttachedManifest { name, text } in layer.manifests {
                let was = was.and_then(|was| was.manifests.iter().find(|manifest| manifest.name == name));
                let file = format!("{place} manifest `{name}`");
                match unmasking.text(text, was.map(|was| was.text.as_str()), &file) {
                    Ok(text) => manifests.push(AttachedManifest { name, text }),
                    Err(problem) => problems.push(problem),
                }
            }
            layers.push(Layer {
                name,
                kind: layer.kind.unwrap_or(record.layer),
                pack: PackReference { name: record.name, version: record.version, digest: record.digest },
                values,
                presets: layer.presets,
                manifests,
                install_priority: layer.install_priority,
                namespace: layer.namespace,
                on_conflict: layer.on_conflict,
                on_immutable: layer.on_immutable,
                orphan_policy: layer.orphan_policy,
            });
        }
        let content = ProfileContent { layers, variables: draft.variables };
        if problems.is_empty() && self.can_be_read(&content).await? {
            return Ok(content);
        }
        let found = self.problems_of(kind, &content).await?;
        problems.extend(found.into_iter().filter(Problem::is_error).map(|problem| problem.diagnostic));
        Err(invalid(problems))
    }

    /// Whether secrets in it can be found, and it can be written to files: texts that are no YAML, names that are none, and
    /// defaults that everybody could read, are not stored.
    async fn can_be_read(&self, content: &ProfileContent) -> Result<bool, EngineError> {
        let told =
            content.variables.iter().any(|variable| variable.sensitive && variable.default_value.is_some());
        if told {
            return Ok(false);
        }
        for layer in &content.layers {
            let pack = self.pack_content(&layer.pack.digest).await?;
            let mut names = std::collections::BTreeSet::new();
            let named = |manifest: &AttachedManifest| {
                is_dns_label(&manifest.name) && names.insert(manifest.name.clone())
            };
            let unread = strata_render::layer_base(layer, pack.pack(), &strata_render::unpublished())
                .is_err()
                || strata_render::check_attached(layer).is_err();
            if unread || !layer.manifests.iter().all(named) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Refuses content that must not be published, with every problem that it has.
    pub(super) async fn refuse_problems(
        &self,
        kind: ProfileType,
        content: &ProfileContent,
    ) -> Result<(), EngineError> {
        let problems = self.problems_of(kind, content).await?;
        let errors: Vec<Diagnostic> =
            problems.into_iter().filter(Problem::is_error).map(|problem| problem.diagnostic).collect();
        if errors.is_empty() { Ok(()) } else { Err(invalid(errors)) }
    }

    /// Every problem of some content.
    pub(crate) async fn problems_of(
        &self,
        kind: ProfileType,
        content: &ProfileContent,
    ) -> Result<Vec<Problem>, EngineError> {
        let packs = self.packs_of(content).await?;
        let given = self.given().await?;
        let content = content.clone();
        let key = self.engine.store().digest_key().clone();
        // Rendering is work for the processor: not for a thread that serves others.
        let validate = move || Validation::of(kind, &content, &packs, &given);
        let mut validation = tokio::task::spawn_blocking(validate).await.map_err(EngineError::internal)?;
        self.hold_against_schemas(&mut validation).await?;
        Ok(validation.problems(&key))
    }

    /// What is known of the clusters that a profile of this project is for: its macros.
    pub(crate) async fn given(&self) -> Result<Given, EngineError> {
        let macros = self.rows().macro_values().await?;
        let sensitive: Vec<_> = macros.values().filter_map(VariableValue::secret).cloned().collect();
        let secrets = self.rows().secrets_get(&sensitive).await?.into_iter().collect();
        Ok(Given { macros, secrets, ..Given::default() })
    }

    /// The packs of all layers, by digest.
    pub(crate) async fn packs_of(
        &self,
        content: &ProfileContent,
    ) -> Result<BTreeMap<Digest, SharedPack>, EngineError> {
        let mut packs = BTreeMap::new();
        for layer in &content.layers {
            let digest = &layer.pack.digest;
            if !packs.contains_key(digest) {
                packs.insert(digest.clone(), self.pack_content(digest).await?);
            }
        }
        Ok(packs)
    }

    /// The packs and macros that content names.
    pub(crate) async fn uses_of(&self, content: &ProfileContent) -> Result<Uses, EngineError> {
        let mut uses = Uses::default();
        for layer in &content.layers {
            uses.packs.insert((layer.pack.name.clone(), layer.pack.version.clone()));
            let pack = self.pack_content(&layer.pack.digest).await?;
            let named = strata_render::layer_macros(layer, pack.pack(), &strata_render::unpublished());
            uses.macros.extend(named.unwrap_or_default());
        }
        Ok(uses)
    }
}

/// How much a profile may hold: what fits everybody's and can be rendered, compared and shown.
const MAX_LAYERS: usize = 200;
const MAX_VARIABLES: usize = 500;
const MAX_OF_A_LAYER: usize = 100;
const MAX_OPTIONS: usize = 200;
const MAX_BYTES: usize = 8 << 20;

/// Refuses what is too much to be looked at.
fn refuse_too_much(draft: &DraftContent) -> Result<(), EngineError> {
    let layers = || draft.layers.iter();
    let texts = layers().map(|layer| {
        let manifests: usize = layer.manifests.iter().map(|manifest| manifest.text.len()).sum();
        layer.values.as_ref().map_or(0, String::len) + manifests
    });
    let bytes: usize = texts.sum();
    let (what, most) = if draft.layers.len() > MAX_LAYERS {
        ("layers", MAX_LAYERS)
    } else if draft.variables.len() > MAX_VARIABLES {
        ("variables", MAX_VARIABLES)
    } else if layers().any(|layer| layer.manifests.len().max(layer.presets.len()) > MAX_OF_A_LAYER) {
        ("manifests or presets in a layer", MAX_OF_A_LAYER)
    } else if draft.variables.iter().any(|variable| variable.options.len() > MAX_OPTIONS) {
        ("options of a variable", MAX_OPTIONS)
    } else if bytes > MAX_BYTES {
        ("bytes of values and manifests", MAX_BYTES)
    } else {
        return Ok(());
    };
    Err(Refusal::new(
        RefusalCode::LimitExceeded,
        format!("a profile has at most {most} {what}"),
        "put more into packs, or into another profile",
    )
    .at("content")
    .into())
}

/// Tells an editor who was not the first what the draft says by now that theirs does not.
pub(super) fn edited_meanwhile(draft: &Draft, theirs: &ProfileContent) -> Refusal {
    let mut differs = Vec::new();
    for layer in &draft.content.layers {
        match theirs.layers.iter().find(|other| other.name == layer.name) {
            None => differs.push(format!("the layer `{}`, which yours has not", layer.name)),
            Some(other) if other != layer => differs.push(format!("the layer `{}`", layer.name)),
            Some(_) => {}
        }
    }
    let more =
        theirs.layers.iter().filter(|layer| !draft.content.layers.iter().any(|it| it.name == layer.name));
    differs.extend(more.map(|layer| format!("the layer `{}`, which only yours has", layer.name)));
    let names = |content: &ProfileContent| -> Vec<String> {
        content.layers.iter().map(|layer| layer.name.to_string()).collect()
    };
    if differs.is_empty() && names(&draft.content) != names(theirs) {
        differs.push("the order of layers".to_owned());
    }
    if draft.content.variables != theirs.variables {
        differs.push("the variables".to_owned());
    }
    let what =
        if differs.is_empty() { "nothing that yours does not say".to_owned() } else { differs.join(", ") };
    Refusal::new(
        RefusalCode::Conflict,
        format!("{} edited the draft at {:.0}; different are {what}", draft.updated_by, draft.updated_at),
        "look at what it says now and put yours into it: nothing of it was saved or lost",
    )
    .at("expectedGeneration")
}

pub(super) fn invalid(problems: Vec<Diagnostic>) -> EngineError {
    EngineError::diagnostics(RefusalCode::InvalidProfile, "the profile has problems", problems)
}
