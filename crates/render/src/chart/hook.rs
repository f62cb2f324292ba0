//! Hooks: manifests that are not part of the release but run around it.

use serde_json::Value;

use crate::yaml::scalar_text;

const HOOK: &str = "helm.sh/hook";
const WEIGHT: &str = "helm.sh/hook-weight";
const DELETE_POLICY: &str = "helm.sh/hook-delete-policy";

/// When a hook runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HookEvent {
    /// `pre-install`
    PreInstall,
    /// `post-install`
    PostInstall,
    /// `pre-delete`
    PreDelete,
    /// `post-delete`
    PostDelete,
    /// `pre-upgrade`
    PreUpgrade,
    /// `post-upgrade`
    PostUpgrade,
    /// `pre-rollback`
    PreRollback,
    /// `post-rollback`
    PostRollback,
    /// `test`, formerly `test-success`
    Test,
}

impl HookEvent {
    fn read(name: &str) -> Option<Self> {
        Some(match name {
            "pre-install" => Self::PreInstall,
            "post-install" => Self::PostInstall,
            "pre-delete" => Self::PreDelete,
            "post-delete" => Self::PostDelete,
            "pre-upgrade" => Self::PreUpgrade,
            "post-upgrade" => Self::PostUpgrade,
            "pre-rollback" => Self::PreRollback,
            "post-rollback" => Self::PostRollback,
            "test" | "test-success" => Self::Test,
            _ => return None,
        })
    }
}

/// When a hook's object is deleted again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeletePolicy {
    /// `hook-succeeded`
    HookSucceeded,
    /// `hook-failed`
    HookFailed,
    /// `before-hook-creation`: what Helm does where a hook says nothing.
    BeforeHookCreation,
}

impl DeletePolicy {
    fn read(name: &str) -> Option<Self> {
        Some(match name {
            "hook-succeeded" => Self::HookSucceeded,
            "hook-failed" => Self::HookFailed,
            "before-hook-creation" => Self::BeforeHookCreation,
            _ => return None,
        })
    }
}

/// What makes a manifest a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookInfo {
    /// When it runs; at least one.
    pub events: Vec<HookEvent>,
    /// Its place among the hooks of an event, lowest first.
    pub weight: i64,
    /// When its object goes; policies that nobody knows are left out.
    pub delete_policies: Vec<DeletePolicy>,
}

/// What the annotations of a manifest say.
pub(super) enum Read {
    /// It is no hook.
    Plain,
    /// It is one.
    Hook(HookInfo),
    /// It runs at something that there is not: neither part of the release nor a hook.
    Unknown(String),
}

/// Reads the annotations of a manifest.
pub(super) fn read(manifest: &Value) -> Read {
    let annotations = manifest.get("metadata").and_then(|metadata| metadata.get("annotations"));
    let annotation = |name: &str| {
        annotations.and_then(|all| all.get(name)).map(|value| scalar_text(value).unwrap_or_default())
    };
    let Some(events) = annotation(HOOK) else { return Read::Plain };
    let mut hook = HookInfo { events: Vec::new(), weight: 0, delete_policies: Vec::new() };
    for name in names(&events) {
        match HookEvent::read(&name) {
            Some(event) => hook.events.push(event),
            None => return Read::Unknown(name.chars().take(60).collect()),
        }
    }
    // What is no number counts as none.
    let weight = annotation(WEIGHT).unwrap_or_default();
    hook.weight = weight.strip_prefix('+').unwrap_or(&weight).parse().unwrap_or(0);
    let policies = annotation(DELETE_POLICY).unwrap_or_default();
    hook.delete_policies = names(&policies).filter_map(|name| DeletePolicy::read(&name)).collect();
    Read::Hook(hook)
}

fn names(list: &str) -> impl Iterator<Item = String> {
    list.split(',').map(|name| name.trim().to_lowercase())
}
