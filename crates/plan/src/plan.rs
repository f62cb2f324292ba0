//! Making a plan.

use strata_model::{
    change::ChangeKind,
    cluster::Cluster,
    composition::Composition,
    diagnostic::Diagnostic,
    digest::{Digest, DigestKey},
    fact::FactsRead,
    finding::{Finding, FindingCode, Severity},
    id::ChangeId,
    inventory::InventoryEntry,
    orphan::{Orphan, OrphanState},
    plan::{PLAN_SCHEME, Plan, Repave},
    render::{LayerValues, Render, RenderedHook},
    version::KubernetesVersion,
};
use strata_values::Redactor;

use crate::{
    compose::{Composed, ResolvedLayer},
    diff::{self, ObjectDiff},
    digest,
    finding::{About as _, finding},
    guards, hooks, preview, repave, steps,
};

/// What a cluster runs.
#[derive(Debug, Clone, Copy)]
pub struct Applied<'a> {
    /// The applied composition.
    pub composition: &'a Composition,
    /// The values of its render, to be shown as *current*.
    pub values: &'a [LayerValues],
    /// Its layers with their packs.
    pub layers: &'a [ResolvedLayer<'a>],
    /// The hooks of its render; none where it does not render any more.
    pub hooks: Option<&'a [RenderedHook]>,
    /// The Kubernetes version of its render.
    pub kubernetes_version: Option<&'a KubernetesVersion>,
    /// Why it does not render any more, where it does not: nobody can say then what it would render, only what was sent.
    pub problems: &'a [Diagnostic],
}

/// All that a plan is made of.
#[derive(Debug, Clone, Copy)]
pub struct PlanInput<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// What kind of change would carry it out.
    pub kind: ChangeKind,
    /// The change that this plan is for, when it is made anew for one that may hold the cluster already.
    pub change: Option<ChangeId>,
    /// The installation's key.
    pub key: &'a DigestKey,
    /// What the cluster runs; none when it runs nothing yet.
    pub applied: Option<Applied<'a>>,
    /// What is wanted, with its findings, conflicts and resolutions.
    pub composed: &'a Composed,
    /// The layers of the wanted composition with their packs.
    pub layers: &'a [ResolvedLayer<'a>],
    /// The wanted render.
    pub render: &'a Render,
    /// What Strata last sent, orphans included.
    pub inventory: &'a [InventoryEntry],
    /// All orphans of the cluster, in any state.
    pub orphans: &'a [Orphan],
    /// Knows every secret of both renders and of the cluster's values.
    pub redactor: &'a Redactor,
}

/// What going from the applied composition to the wanted one does. Never fails: what is wrong is a finding.
#[must_use]
pub fn plan(input: &PlanInput<'_>) -> Plan {
    let ObjectDiff { actions, unchanged, findings: object_findings, pairs } = diff::objects(input);
    let repave = repave::impact(input, &pairs);
    let hooks = hooks::runs(input, &actions);
    let hook_findings = hooks::findings(input, &hooks);
    let (actions, steps) = steps::arrange(actions, hooks, input.render, &repave, input.applied.is_none());
    let mut findings = input.composed.findings.clone();
    findings.extend(held(input));
    findings.extend(guards::findings(input, &pairs));
    findings.extend(object_findings);
    findings.extend(hook_findings);
    findings.extend(not_rendered(input));
    findings.extend(input.render.warnings.iter().map(|warning| {
        finding(
            FindingCode::RenderWarning,
            Severity::Info,
            input.redactor.mask_text(&warning.to_string()),
            warning.help.clone().unwrap_or_default(),
        )
    }));
    settle(&mut findings);
    let reversible = !findings.iter().any(|finding| finding.code == FindingCode::NotReversible);
    let facts_read = input
        .render
        .facts_read
        .iter()
        .map(|(key, answer)| (key.clone(), input.redactor.mask_secret_object(answer)))
        .collect();
    let resolutions =
        input.composed.resolutions.iter().map(|r| preview::mask_resolution(r, input.redactor)).collect();
    let mut plan = Plan {
        scheme: PLAN_SCHEME,
        cluster: input.cluster.id,
        kind: input.kind,
        from: input.applied.map(|applied| applied.composition.digest(input.key)),
        to: input.composed.composition.digest(input.key),
        render: digest::render(input.key, input.render),
        facts_read,
        actions,
        unchanged,
        steps,
        repave,
        findings,
        layers: preview::layers(input),
        conflicts: preview::conflicts(input),
        resolutions,
        reversible,
        digest: Digest::of_content(&[]),
    };
    plan.digest = digest::plan(input.key, &plan);
    plan
}

/// What runs and could not be rendered again, e.g. a chart that refuses the version of Kubernetes that the cluster has by now.
fn not_rendered(input: &PlanInput<'_>) -> Option<Finding> {
    let applied = input.applied?;
    let first = applied.problems.first()?;
    let more = match applied.problems.len() {
        1 => String::new(),
        number => format!(" (and {} more)", number - 1),
    };
    let message = format!(
        "what the cluster runs does not render now: {}{more}",
        input.redactor.mask_text(&first.to_string())
    );
    let help = "objects are compared with what was sent, and hooks of layers that change run: see which";
    Some(finding(FindingCode::CurrentNotRendered, Severity::Info, message, help))
}

/// The plan of a composition that does not render: it changes nothing, and says what is wrong in findings that block.
/// The render of the input is not looked at.
#[must_use]
pub fn plan_of_failed_render(input: &PlanInput<'_>, problems: &[Diagnostic]) -> Plan {
    let nothing = Render::default();
    let input = PlanInput { render: &nothing, ..*input };
    let mut findings = input.composed.findings.clone();
    findings.extend(guards::findings(&input, &[]));
    findings.extend(problems.iter().map(|problem| {
        let code = match problem.code.as_str() {
            "VALUES_SCHEMA" => FindingCode::ValuesSchema,
            "UNRESOLVED_VARIABLE" | "INVALID_VARIABLE" => FindingCode::UnresolvedVariable,
            _ => FindingCode::RenderFailed,
        };
        let help =
            problem.help.clone().unwrap_or_else(|| "mend the text at this place, then plan again".to_owned());
        // What is said beside the finding's own code needs none.
        let words = problem.to_string();
        let own = format!(" [{code}]");
        let words = words.strip_suffix(&own).unwrap_or(&words);
        let told = finding(code, Severity::Block, input.redactor.mask_text(words), help);
        told.path(input.redactor.mask_text(&format!("{} {}", problem.code, problem.place())))
    }));
    settle(&mut findings);
    let mut plan = Plan {
        scheme: PLAN_SCHEME,
        cluster: input.cluster.id,
        kind: input.kind,
        from: input.applied.map(|applied| applied.composition.digest(input.key)),
        to: input.composed.composition.digest(input.key),
        render: digest::render(input.key, &nothing),
        facts_read: FactsRead::new(),
        actions: Vec::new(),
        unchanged: 0,
        steps: Vec::new(),
        repave: Repave::default(),
        findings,
        layers: Vec::new(),
        conflicts: input.composed.conflicts.clone(),
        resolutions: input
            .composed
            .resolutions
            .iter()
            .map(|r| preview::mask_resolution(r, input.redactor))
            .collect(),
        reversible: true,
        digest: Digest::of_content(&[]),
    };
    plan.digest = digest::plan(input.key, &plan);
    plan
}

/// What a rollback could not take back.
fn held(input: &PlanInput<'_>) -> impl Iterator<Item = Finding> {
    input.composed.composition.held.iter().map(|held| {
        let message = format!("the layer `{}` stays at {}: {}", held.layer, held.revision, held.reason);
        finding(
            FindingCode::LayerHeld,
            Severity::Info,
            message,
            "the rest goes back; `--release-held`, or going forward, lets the layer go on with its profile",
        )
        .layer(&held.layer)
    })
}

/// Whether an orphan is still on the list.
pub(crate) const fn is_listed(orphan: &Orphan) -> bool {
    matches!(orphan.state, OrphanState::Left | OrphanState::ScaledToZero | OrphanState::Kept)
}

/// The gravest first, else in the order in which they were found; each once.
pub(crate) fn settle(findings: &mut Vec<Finding>) {
    let mut unique: Vec<Finding> = Vec::with_capacity(findings.len());
    let mut seen = std::collections::BTreeSet::new();
    for finding in findings.drain(..) {
        let identity = (
            finding.code,
            finding.severity,
            finding.layer.clone(),
            finding.object.clone(),
            finding.path.clone(),
            finding.message.clone(),
        );
        if seen.insert(identity) {
            unique.push(finding);
        }
    }
    unique.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    *findings = unique;
}

/// An object that Strata renders or left behind, with what was sent before.
pub(crate) fn about_object(
    finding: Finding,
    layer: &strata_model::profile::LayerName,
    key: &strata_model::object::ObjectKey,
) -> Finding {
    finding.layer(layer).object(key)
}
