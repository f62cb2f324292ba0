//! Attaching, swapping and detaching profiles.

use std::collections::BTreeMap;

use strata_model::{
    composition::{Attachment, Composition, HeldLayer},
    error::{Refusal, RefusalCode},
    profile::{LayerName, ProfileType, RevisionReference},
};

use super::{CompositionRequest, ResolvedLayer};

/// The attachments that are wanted: the FULL or INFRA profile first, then add-ons in the order they came.
pub(super) fn attachments(
    before: &Composition,
    request: &CompositionRequest,
    refusals: &mut Vec<Refusal>,
) -> Vec<Attachment> {
    let mut wanted = before.attachments.clone();
    for name in &request.detach {
        let Some(index) = wanted.iter().position(|attachment| attachment.revision.profile == *name) else {
            refusals.push(
                Refusal::new(
                    RefusalCode::NotFound,
                    format!("the profile `{name}` is not attached"),
                    "look at the cluster's profiles",
                )
                .at("detach"),
            );
            continue;
        };
        let attachment = wanted.remove(index);
        let replaced = request.attach.iter().any(|other| other.profile_type != ProfileType::Addon);
        if attachment.profile_type != ProfileType::Addon && !replaced {
            refusals.push(
                Refusal::new(
                    RefusalCode::InvalidInput,
                    format!(
                        "`{name}` holds the infrastructure of the cluster and can be replaced but not removed"
                    ),
                    "attach another profile of type FULL or INFRA in its place",
                )
                .at("detach"),
            );
        }
    }
    let mut infrastructure_wishes = 0_u32;
    for (index, wish) in request.attach.iter().enumerate() {
        let twice = request.attach.iter().take(index).any(|other| other.profile_id == wish.profile_id);
        infrastructure_wishes += u32::from(wish.profile_type != ProfileType::Addon);
        if twice || infrastructure_wishes > 1 && wish.profile_type != ProfileType::Addon {
            refusals.push(
                Refusal::new(
                    RefusalCode::InvalidInput,
                    format!("{} cannot be attached beside another one of the request", wish.revision),
                    "attach each profile once, and at most one of type FULL or INFRA",
                )
                .at("attach"),
            );
            continue;
        }
        let same = wanted.iter().position(|attachment| attachment.profile_id == wish.profile_id);
        let slot = same.or_else(|| {
            let infrastructure = wish.profile_type != ProfileType::Addon;
            wanted
                .iter()
                .position(|attachment| infrastructure && attachment.profile_type != ProfileType::Addon)
        });
        match slot.and_then(|index| wanted.get_mut(index)) {
            Some(attachment) => *attachment = wish.clone(),
            None => wanted.push(wish.clone()),
        }
    }
    // Stable: add-ons keep their order.
    wanted.sort_by_key(|attachment| attachment.profile_type == ProfileType::Addon);
    wanted
}

/// Held layers stay held until somebody releases them or their profile moves on.
pub(super) fn held(before: &Composition, request: &CompositionRequest) -> Vec<HeldLayer> {
    if request.release_held {
        return Vec::new();
    }
    let moves_on = |revision: &RevisionReference| {
        request.attach.iter().any(|wish| wish.revision.profile == revision.profile)
            || request.detach.contains(&revision.profile)
    };
    before.held.iter().filter(|held| !moves_on(&held.revision)).cloned().collect()
}

/// Layer names are unique over all profiles of a cluster.
pub(super) fn check_layers(layers: &[ResolvedLayer<'_>], refusals: &mut Vec<Refusal>) {
    let mut seen: BTreeMap<&LayerName, &RevisionReference> = BTreeMap::new();
    for layer in layers {
        if let Some(other) = seen.insert(&layer.layer.name, &layer.revision) {
            refusals.push(
                Refusal::new(
                    RefusalCode::DuplicateName,
                    format!("both {other} and {} have a layer `{}`", layer.revision, layer.layer.name),
                    "rename the layer in one of the profiles: names are unique over a cluster",
                )
                .at("attach"),
            );
        }
    }
}
