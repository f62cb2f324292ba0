//! Making: the pure part of the workbench. No I/O, no clock.

use std::collections::BTreeMap;

use strata_model::{
    composition::Composition,
    diagnostic::Diagnostic,
    error::RefusalCode,
    fact::{FactKey, Facts},
    field_trace::FieldTrace,
    finding::FindingCode,
    inventory::InventoryEntry,
    plan::Plan,
    render::{LayerValues, Render},
    secret::SecretText,
    variable::{VariableDefinition, VariableValue},
};
use strata_plan::{
    Applied, Composed, PlanInput,
    compose::{self, Surroundings},
};
use strata_render::{Field, RenderInput};
use strata_values::{Redactor, secret_object};

use super::{Intent, gather::Gathered, nothing_applied};
use crate::{contents::Contents, error::EngineError};

/// What was made.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) plan: Plan,
    /// Of what the cluster runs; an empty one where it runs nothing, or where it keeps what it runs; without objects where it
    /// does not render any more.
    pub(super) before: Render,
    pub(super) render: Render,
    /// None when the cluster keeps the composition that it runs.
    pub(super) composition: Option<Composition>,
    /// What was asked for what the cluster runs, where that does not render; nobody has read it yet.
    still_unknown: Vec<FactKey>,
}

impl Made {
    /// Whether what the cluster runs does not render any more.
    pub(super) fn runs_unrendered(&self) -> bool {
        self.plan.findings.iter().any(|finding| finding.code == FindingCode::CurrentNotRendered)
    }

    /// What `lookup` asked for and nobody has read yet.
    pub(super) fn unknown_lookups(&self, facts: &Facts) -> Vec<FactKey> {
        let unknown = |key: &&FactKey| {
            matches!(key, FactKey::Lookup { .. }) && !facts.lookups.contains_key(&key.to_string())
        };
        self.render.facts_read.keys().filter(unknown).chain(&self.still_unknown).cloned().collect()
    }
}

/// Why nothing was made.
#[derive(Debug)]
pub(super) struct Unmade {
    pub(super) error: EngineError,
    /// What `lookup` asked for and nobody has read yet: with answers, something may be made.
    pub(super) unknown_lookups: Vec<FactKey>,
    /// Of what does not render: the plan that says so, for who only wants to look.
    pub(super) plan: Option<Box<Made>>,
}

impl<E: Into<EngineError>> From<E> for Unmade {
    fn from(error: E) -> Self {
        Self { error: error.into(), unknown_lookups: Vec::new(), plan: None }
    }
}

/// What does not render, and why.
#[derive(Debug)]
pub(super) struct Unrendered {
    problems: Vec<Diagnostic>,
    unknown_lookups: Vec<FactKey>,
}

impl From<Vec<Diagnostic>> for Unrendered {
    fn from(problems: Vec<Diagnostic>) -> Self {
        Self { problems, unknown_lookups: Vec::new() }
    }
}

impl Unrendered {
    /// Nothing is made, as this sentence says.
    fn refused(self, sentence: &str) -> Unmade {
        let error = EngineError::diagnostics(RefusalCode::RenderFailed, sentence, self.problems);
        Unmade { error, unknown_lookups: self.unknown_lookups, plan: None }
    }
}

impl From<Unrendered> for Unmade {
    fn from(unrendered: Unrendered) -> Self {
        unrendered.refused("the profile does not render for this cluster")
    }
}

/// Plans an intent.
pub(super) fn make(gathered: &Gathered, intent: &Intent) -> Result<Made, Unmade> {
    match intent {
        Intent::CleanUp { orphans, decision } => {
            let (Some(applied), Some(_)) = (&gathered.applied, gathered.applied_id) else {
                return Err(nothing_applied(&gathered.cluster).into());
            };
            let chosen: Vec<_> =
                gathered.orphans.iter().filter(|orphan| orphans.contains(&orphan.id)).cloned().collect();
            let applied = applied.digest(&gathered.key);
            let plan = strata_plan::clean_up(
                &gathered.cluster,
                Some(&applied),
                &chosen,
                *decision,
                &gathered.inventory,
                &gathered.key,
            );
            let (before, render) = (Render::default(), Render::default());
            Ok(Made { plan, before, render, composition: None, still_unknown: Vec::new() })
        }
        Intent::Compose { .. } | Intent::RollBack { .. } => to_composition(gathered, intent),
    }
}

/// Composes the first composition of a cluster that runs nothing yet.
pub(super) fn compose_first(gathered: &Gathered, intent: &Intent) -> Result<Composition, EngineError> {
    let redactor = Redactor::new(&gathered.key, contents_secrets(gathered));
    composed(gathered, intent, &redactor)
        .map(|(composed, _)| composed.composition)
        .map_err(|unmade| unmade.error)
}

/// Every secret of a composition.
pub(super) fn secrets(
    gathered: &Gathered,
    composition: &Composition,
) -> Result<Vec<SecretText>, EngineError> {
    let mut secrets = contents_secrets(gathered);
    secrets.extend(
        rendered(gathered, composition).map_err(|unrendered| Unmade::from(unrendered).error)?.secrets,
    );
    Ok(secrets)
}

/// The same for showing a composition; of one that does not render, those of its values and of what was sent.
pub(super) fn shown_secrets(
    gathered: &Gathered,
    composition: &Composition,
) -> Result<Vec<SecretText>, EngineError> {
    if let Ok(secrets) = secrets(gathered, composition) {
        return Ok(secrets);
    }
    let mut secrets = contents_secrets(gathered);
    secrets.extend(
        values_of(gathered, composition).map_err(|unrendered| Unmade::from(unrendered).error)?.secrets,
    );
    secrets.extend(sent_secrets(gathered));
    Ok(secrets)
}

/// A change that failed may have sent secrets that no render knows.
fn sent_secrets(gathered: &Gathered) -> impl Iterator<Item = SecretText> {
    let sent = gathered.inventory.iter().flat_map(InventoryEntry::possible_bodies);
    sent.flat_map(secret_object::secret_values)
}

fn to_composition(gathered: &Gathered, intent: &Intent) -> Result<Made, Unmade> {
    let (current, no_longer) = match &gathered.applied {
        Some(applied) => match rendered(gathered, applied) {
            Ok(render) => (Some(render), None),
            // What runs may not render any more; what was sent is known all the same, and there must be a way on.
            Err(no_longer) => match values_of(gathered, applied) {
                Ok(values) => (Some(values), Some(no_longer)),
                // Then nobody knows what of it is secret, and nothing of it may be shown.
                Err(_) => {
                    let sentence = "what the cluster runs cannot be resolved any more, so that no change can be compared with it";
                    return Err(no_longer.refused(sentence));
                }
            },
        },
        None => (None, None),
    };
    let still_unknown = no_longer.as_ref().map(|it| it.unknown_lookups.clone()).unwrap_or_default();
    let mut secrets = contents_secrets(gathered);
    secrets.extend(current.iter().flat_map(|render| render.secrets.iter().cloned()));
    secrets.extend(sent_secrets(gathered));
    let redactor = Redactor::new(&gathered.key, secrets.iter().cloned());
    let (mut composed, unrendered) = composed(gathered, intent, &redactor)?;
    put_placeholders(&mut composed.composition, &gathered.placeholders, &gathered.contents);
    let wanted_layers = compose::layers(&composed.composition, &gathered.contents)?;
    let applied_layers = match &gathered.applied {
        Some(applied) => compose::layers(applied, &gathered.contents)?,
        None => Vec::new(),
    };
    let current_values: &[LayerValues] = current.as_ref().map_or(&[], |render| &render.layers);
    let nothing = Render::default();
    let input = PlanInput {
        cluster: &gathered.cluster,
        kind: gathered.kind,
        change: gathered.change,
        key: &gathered.key,
        applied: gathered.applied.as_ref().map(|composition| Applied {
            composition,
            values: current_values,
            layers: &applied_layers,
            hooks: current.as_ref().filter(|_| no_longer.is_none()).map(|render| &render.hooks[..]),
            kubernetes_version: current.as_ref().and_then(|render| render.kubernetes_version.as_ref()),
            problems: no_longer.as_ref().map_or(&[], |no_longer| &no_longer.problems),
        }),
        composed: &composed,
        layers: &wanted_layers,
        render: &nothing,
        inventory: &gathered.inventory,
        orphans: &gathered.orphans,
        redactor: &redactor,
    };
    let wanted = match unrendered {
        Some(unrendered) => Err(unrendered),
        None => rendered(gathered, &composed.composition),
    };
    match wanted {
        Ok(render) => {
            secrets.extend(render.secrets.iter().cloned());
            let redactor = Redactor::new(&gathered.key, secrets);
            let plan = strata_plan::plan(&PlanInput { render: &render, redactor: &redactor, ..input });
            let before = current.unwrap_or_default();
            Ok(Made { plan, before, render, composition: Some(composed.composition), still_unknown })
        }
        // A render that failed cannot tell of its own secrets; but what the cluster runs with is known.
        Err(unrendered) => {
            let plan = strata_plan::plan_of_failed_render(&input, &unrendered.problems);
            let unmade = Unmade::from(unrendered);
            let composition = Some(composed.composition);
            let (before, render) = (Render::default(), Render::default());
            let made = Made { plan, before, render, composition, still_unknown: Vec::new() };
            Err(Unmade {
                error: concealed(unmade.error, &redactor),
                plan: Some(Box::new(made)),
                unknown_lookups: [unmade.unknown_lookups, still_unknown].concat(),
            })
        }
    }
}

/// What is wanted; and of a composition to go back to that does not render, why: what it may not take back is not known then.
fn composed(
    gathered: &Gathered,
    intent: &Intent,
    redactor: &Redactor,
) -> Result<(Composed, Option<Unrendered>), Unmade> {
    match intent {
        Intent::Compose { request, .. } => {
            let surroundings = Surroundings {
                infrastructure: &gathered.cluster.infrastructure,
                macros: &gathered.macros,
                redactor,
            };
            compose::compose(gathered.base.as_ref(), request, &gathered.contents, surroundings)
                .map(|composed| (composed, None))
                .map_err(|refusals| EngineError::Refused(refusals).into())
        }
        Intent::RollBack { .. } => {
            let (Some(applied), Some(earlier)) = (&gathered.applied, &gathered.earlier) else {
                return Err(nothing_applied(&gathered.cluster).into());
            };
            let (then, unrendered) = match rendered(gathered, earlier) {
                Ok(render) => (render.kubernetes_version, None),
                Err(unrendered) => (None, Some(unrendered)),
            };
            let running = gathered.cluster.kubernetes_version.as_ref();
            let composition =
                compose::roll_back(applied, earlier, running, then.as_ref(), &gathered.contents)?;
            let composed = Composed {
                composition,
                findings: Vec::new(),
                conflicts: Vec::new(),
                redundant: BTreeMap::new(),
                resolutions: Vec::new(),
            };
            Ok((composed, unrendered))
        }
        Intent::CleanUp { .. } => Err(EngineError::internal("a clean-up composes nothing").into()),
    }
}

/// Where a field of an object comes from, of a composition that renders.
pub(super) fn traced(
    gathered: &Gathered,
    composition: &Composition,
    render: &Render,
    field: Field<'_>,
    goes_on: &dyn Fn() -> bool,
    redactor: &Redactor,
) -> Result<FieldTrace, EngineError> {
    let trace =
        with_input(gathered, composition, |input| strata_render::trace(input, render, field, goes_on));
    let failed = |problems| {
        let error =
            EngineError::diagnostics(RefusalCode::RenderFailed, "this field cannot be traced", problems);
        concealed(error, redactor)
    };
    trace.and_then(|trace| trace).map_err(failed)
}

pub(super) fn rendered(gathered: &Gathered, composition: &Composition) -> Result<Render, Unrendered> {
    with_input(gathered, composition, |input| {
        strata_render::render_asking(input).map_err(|unrendered| Unrendered {
            problems: unrendered.problems,
            unknown_lookups: unrendered.unanswered,
        })
    })?
}

/// Of what does not render: its values.
fn values_of(gathered: &Gathered, composition: &Composition) -> Result<Render, Unrendered> {
    Ok(with_input(gathered, composition, strata_render::render_values)??)
}

/// Calls something with all that a render of a composition takes.
fn with_input<T>(
    gathered: &Gathered,
    composition: &Composition,
    then: impl FnOnce(&RenderInput<'_>) -> T,
) -> Result<T, Vec<Diagnostic>> {
    let packs = gathered.contents.packs();
    let mut layers = strata_render::resolve_layers(composition, gathered.contents.profiles(), packs)?;
    for layer in &mut layers {
        if let Some(pack) = packs.get(&layer.layer.pack.digest) {
            pack.lend(layer);
        }
    }
    let none = BTreeMap::new();
    let input = RenderInput {
        cluster: &gathered.identity,
        composition,
        layers: &layers,
        secrets: &gathered.contents.secrets,
        facts: &gathered.facts,
        seeds: gathered.seeds.get(&composition.generation).unwrap_or(&none),
    };
    Ok(then(&input))
}

/// Gives each variable that a composition's profiles define its placeholder.
pub(super) fn put_placeholders(
    composition: &mut Composition,
    placeholders: &BTreeMap<String, VariableValue>,
    contents: &Contents,
) {
    for name in defined(composition, contents).map(|definition| definition.name.clone()).collect::<Vec<_>>() {
        if let Some(placeholder) = placeholders.get(&name) {
            composition.variables.insert(name, placeholder.clone());
        }
    }
}

/// The variables that a composition's profiles define.
pub(super) fn defined<'a>(
    composition: &'a Composition,
    contents: &'a Contents,
) -> impl Iterator<Item = &'a VariableDefinition> {
    let attached = composition.attachments.iter().map(|attachment| &attachment.revision);
    attached.filter_map(|revision| contents.profiles().get(revision)).flat_map(|content| &content.variables)
}

/// An error whose words do not hold what the redactor knows.
fn concealed(error: EngineError, redactor: &Redactor) -> EngineError {
    let EngineError::Refused(mut refusals) = error else { return error };
    for refusal in &mut refusals {
        refusal.message = redactor.mask_text(&refusal.message);
        refusal.help = redactor.mask_text(&refusal.help);
        for diagnostic in &mut refusal.diagnostics {
            diagnostic.message = redactor.mask_text(&diagnostic.message);
            diagnostic.help = diagnostic.help.as_deref().map(|help| redactor.mask_text(help));
            diagnostic.file = diagnostic.file.as_deref().map(|file| redactor.mask_text(file));
        }
    }
    EngineError::Refused(refusals)
}

pub(super) fn contents_secrets(gathered: &Gathered) -> Vec<SecretText> {
    gathered.contents.secrets.values().cloned().collect()
}
