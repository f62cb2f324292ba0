//! The life of an orphan: left behind, and then whatever somebody decided.
//!
//! It is never scaled to zero before what is needed to bring it back is recorded (rule 8 of the design).

use jiff::Timestamp;
use strata_model::{
    access::Actor,
    id::OrphanId,
    orphan::{Orphan, OrphanEvent, OrphanState, Reach},
};

use super::IllegalTransition;

const fn name(event: &OrphanEvent) -> &'static str {
    match event {
        OrphanEvent::LeftBehind { .. } => "leftBehind",
        OrphanEvent::RestoreRecorded { .. } => "restoreRecorded",
        OrphanEvent::ScaledToZero { .. } => "scaledToZero",
        OrphanEvent::Restored { .. } => "restored",
        OrphanEvent::Deleted { .. } => "deleted",
        OrphanEvent::Kept { .. } => "kept",
        OrphanEvent::Reclaimed { .. } => "reclaimed",
    }
}

/// The state of an orphan after an event.
///
/// # Errors
/// [`IllegalTransition`] when the state does not allow the event.
pub fn orphan(
    before: Option<Orphan>,
    id: OrphanId,
    event: &OrphanEvent,
    _actor: &Actor,
    at: Timestamp,
) -> Result<Orphan, IllegalTransition> {
    match (before, event) {
        (
            None,
            OrphanEvent::LeftBehind {
                project,
                cluster,
                destination,
                key,
                api_version,
                layer,
                revision,
                policy,
                reach,
                note,
                change,
            },
        ) => Ok(Orphan {
            id,
            project: *project,
            cluster: *cluster,
            destination: *destination,
            key: key.clone(),
            api_version: api_version.clone(),
            layer: layer.clone(),
            revision: revision.clone(),
            policy: *policy,
            reach: *reach,
            note: note.clone(),
            state: OrphanState::Left,
            restore: None,
            left_by: *change,
            since: at,
            state_since: at,
        }),
        (None, event) => Err(IllegalTransition::new("orphan", "absent", name(event))),
        (Some(before), event) => next(before, event, at),
    }
}

fn next(mut orphan: Orphan, event: &OrphanEvent, at: Timestamp) -> Result<Orphan, IllegalTransition> {
    use OrphanState as S;
    let illegal = IllegalTransition::new("orphan", orphan.state.as_str(), name(event));
    let former = orphan.state;
    let listed = matches!(former, S::Left | S::Kept | S::ScaledToZero);
    let running = matches!(former, S::Left | S::Kept);
    let allowed = |holds: bool| if holds { Ok(()) } else { Err(illegal.clone()) };
    match event {
        OrphanEvent::LeftBehind { .. } => return Err(illegal),
        OrphanEvent::RestoreRecorded { record } => {
            allowed(running)?;
            if orphan.reach == Reach::None {
                return Err(illegal.because("scaling does not reach it"));
            }
            orphan.restore = Some(record.clone());
        }
        OrphanEvent::ScaledToZero { .. } => {
            allowed(running)?;
            if orphan.restore.is_none() {
                return Err(illegal.because("nothing is recorded to bring it back"));
            }
            orphan.state = S::ScaledToZero;
        }
        OrphanEvent::Restored { .. } => {
            allowed(former == S::ScaledToZero)?;
            orphan.state = S::Left;
            orphan.restore = None;
        }
        OrphanEvent::Deleted { .. } => {
            allowed(listed)?;
            orphan.state = S::Deleted;
        }
        OrphanEvent::Kept { .. } => {
            allowed(former == S::Left)?;
            orphan.state = S::Kept;
        }
        OrphanEvent::Reclaimed { .. } => {
            allowed(listed)?;
            orphan.state = S::Reclaimed;
        }
    }
    if orphan.state != former {
        orphan.state_since = at;
    }
    Ok(orphan)
}
