//! Composing: from what a cluster runs and what somebody wants, the composition that is wanted.
//!
//! *Idea.* The first step of the one path. A request may attach, swap and detach profiles, set overrides and variables,
//! and change pools, all at once. Overrides that nobody touched are carried over to a new revision by a three-way merge
//! (base: values of the running revision; ours: the override; theirs: values of the new revision).
//!
//! *Guarantees.* Pure. Nothing is dropped silently: what cannot be carried over is a finding. Conflicts keep the
//! override until somebody decides, and block the change meanwhile. Macros are taken as they are now, and held.
//!
//! *Caveats.* What is wrong with the request itself is a [`Refusal`]; what a person must look at in the outcome is a
//! [`Finding`].

mod attach;
mod contents;
mod macros;
mod overrides;
mod pools;
mod request;
mod rollback;
mod variables;

use std::collections::BTreeMap;

use strata_model::{
    cluster::Infrastructure,
    composition::{COMPOSITION_SCHEME, Composition},
    error::{Refusal, RefusalCode},
    finding::{Finding, FindingCode, Severity},
    macros::MacroName,
    overrides::ConflictResolution,
    plan::MergeConflict,
    profile::{LayerName, ProfileType},
    variable::VariableValue,
};
use strata_values::Redactor;

pub use contents::{Contents, ResolvedLayer, layers};
pub use request::{CompositionRequest, OverrideChange, OverrideRequest};
pub use rollback::roll_back;

/// The composition that is wanted, and what there is to say about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Composed {
    /// The wanted composition.
    pub composition: Composition,
    /// What somebody must know or decide.
    pub findings: Vec<Finding>,
    /// Open disagreements between overrides and new revisions, masked.
    pub conflicts: Vec<MergeConflict>,
    /// By layer: paths whose override now says what the profile says.
    pub redundant: BTreeMap<LayerName, Vec<String>>,
    /// The decisions that were used.
    pub resolutions: Vec<ConflictResolution>,
}

/// What stands around a request.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// Who provides the machines of the cluster.
    pub infrastructure: &'a Infrastructure,
    /// The macros that the project has or reads, as they are now.
    pub macros: &'a BTreeMap<MacroName, VariableValue>,
    /// Knows the secrets that may occur in values: masks what is shown and reads masks back.
    pub redactor: &'a Redactor,
}

/// Composes what is wanted from what is applied and a request. `applied` is the composition to start from: the applied
/// one, or on a PENDING cluster the first one being edited.
///
/// # Errors
/// All that is wrong with the request: a profile detached that is not attached or may not go, a layer name taken twice,
/// an unknown layer, a patch or text that does not fit, an unknown or invalid variable, impossible pools.
pub fn compose(
    applied: Option<&Composition>,
    request: &CompositionRequest,
    contents: &dyn Contents,
    surroundings: Surroundings<'_>,
) -> Result<Composed, Vec<Refusal>> {
    let before = applied.cloned().unwrap_or_default();
    let mut refusals = Vec::new();
    let mut findings = Vec::new();
    let mut wanted = Composition {
        scheme: COMPOSITION_SCHEME,
        attachments: attach::attachments(&before, request, &mut refusals),
        held: attach::held(&before, request),
        overrides: Vec::new(),
        variables: BTreeMap::new(),
        macros: BTreeMap::new(),
        control_plane: match &request.control_plane {
            Some(wish) => Some(wish.over(before.control_plane.as_ref())),
            None => before.control_plane.clone(),
        },
        node_pools: match &request.node_pools {
            Some(wishes) => wishes.iter().map(|wish| wish.over(&before.node_pools)).collect(),
            None => before.node_pools.clone(),
        },
        generation: before.generation.saturating_add(u32::from(request.rotate_generated)),
    };
    contradictions(request, surroundings.infrastructure, &mut refusals);
    pools::check(&wanted, &mut refusals);
    if !refusals.is_empty() {
        return Err(refusals);
    }
    let old_layers = contents::layers(&before, contents).map_err(|refusal| vec![refusal])?;
    let new_layers = contents::layers(&wanted, contents).map_err(|refusal| vec![refusal])?;
    attach::check_layers(&new_layers, &mut refusals);
    if !refusals.is_empty() {
        return Err(refusals);
    }
    if matches!(surroundings.infrastructure, Infrastructure::None) {
        findings.extend(on_imported(&wanted));
    }
    let carried = overrides::carry(&before, request, &old_layers, &new_layers, surroundings.redactor);
    let variables = variables::carry(&before, &wanted, request, contents);
    let (carried, variables) = match (carried, variables) {
        (Ok(carried), Ok(variables)) => (carried, variables),
        (carried, variables) => {
            let mut refusals = carried.err().unwrap_or_default();
            refusals.extend(variables.err().unwrap_or_default());
            return Err(refusals);
        }
    };
    let macros = macros::take(&before, &carried.sources, &new_layers, surroundings.macros)?;
    wanted.macros = macros.values;
    findings.extend(macros.findings);
    wanted.overrides = carried.sources;
    wanted.variables = variables.values;
    findings.extend(carried.findings);
    findings.extend(variables.findings);
    Ok(Composed {
        composition: wanted,
        findings,
        conflicts: carried.conflicts,
        redundant: carried.redundant,
        resolutions: carried.resolutions,
    })
}

/// Wishes of which one would silently undo the other, or that nobody could fulfil.
fn contradictions(
    request: &CompositionRequest,
    infrastructure: &Infrastructure,
    refusals: &mut Vec<Refusal>,
) {
    let mut refuse = |field: &str, message: String, help: &str| {
        refusals.push(Refusal::new(RefusalCode::InvalidInput, message, help).at(field));
    };
    for profile in &request.detach {
        if request.attach.iter().any(|wish| wish.revision.profile == *profile) {
            let message = format!("`{profile}` is to be detached and attached");
            refuse("detach", message, "ask for one of the two");
        }
    }
    let cleared = |it: &&OverrideRequest| it.change == OverrideChange::Clear;
    for clear in request.overrides.iter().filter(cleared) {
        if request.overrides.iter().any(|it| it.layer == clear.layer && !cleared(&it)) {
            let message = format!("the override of layer `{}` is to be dropped and set", clear.layer);
            refuse("unsetOverrides", message, "set alone replaces the whole override of the layer");
        }
    }
    let machines = request.control_plane.is_some() || request.node_pools.is_some();
    if machines && matches!(infrastructure, Infrastructure::None) {
        refuse(
            "nodePools",
            "the machines of an imported cluster belong to somebody else".to_owned(),
            "leave control plane and node pools out",
        );
    }
}

/// Strata does not provide the machines of an imported cluster, so it has no infrastructure to bring.
fn on_imported(wanted: &Composition) -> Option<Finding> {
    let infrastructure =
        wanted.attachments.iter().find(|attachment| attachment.profile_type != ProfileType::Addon)?;
    Some(Finding {
        code: FindingCode::InfrastructureOnImported,
        severity: Severity::Block,
        message: format!("{} brings infrastructure, and the cluster is imported", infrastructure.revision),
        help: "attach add-on profiles only; whoever provides the machines changes the infrastructure"
            .to_owned(),
        layer: None,
        object: None,
        path: Some(infrastructure.revision.profile.to_string()),
    })
}
