//! The enumerations of the model, as the schema names them.

use async_graphql::Enum;
use strata_model as model;

macro_rules! mirrors {
    ($($(#[$doc:meta])* $name:ident of $remote:path: $($item:ident),*;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
        pub enum $name { $(#[doc = stringify!($item)] $item),* }

        impl From<$remote> for $name {
            fn from(value: $remote) -> Self {
                match value { $(<$remote>::$item => Self::$item),* }
            }
        }

        impl From<$name> for $remote {
            fn from(value: $name) -> Self {
                match value { $($name::$item => Self::$item),* }
            }
        }
    )*};
}

mirrors! {
    /// What a profile covers.
    ProfileType of model::profile::ProfileType: Full, Infra, Addon;
    /// The kind of a layer.
    LayerKind of model::profile::LayerKind: Os, Kubernetes, Cni, Csi, Addon;
    /// The state of a profile version.
    VersionState of model::profile::VersionState: Draft, Published, Deprecated, Deleted;
    /// When another field manager holds a field.
    ConflictPolicy of model::profile::ConflictPolicy: Fail, Yield, Force;
    /// When a change cannot be made in place.
    ImmutablePolicy of model::profile::ImmutablePolicy: Block, Replace;
    /// When an object is no longer rendered.
    OrphanPolicy of model::profile::OrphanPolicy: Keep, ScaleToZero, Delete;
    /// The form that a variable's text must have.
    VariableFormat of model::variable::VariableFormat: String, Number, Boolean, Ipv4, Ipv4cidr, Ipv6, Version, Base64;
    /// The life of a cluster.
    Phase of model::cluster::Phase: Pending, Provisioning, Running, Deleting, Deleted;
    /// Whether Strata reaches a cluster.
    Connectivity of model::cluster::Connectivity: Unknown, Online, Offline;
    /// Whether what a cluster runs is well.
    Health of model::cluster::Health: Unknown, Healthy, Degraded;
    /// What Strata does with a cluster.
    Activity of model::cluster::Activity: Idle, Updating, RepavePending;
    /// How a cluster is reached.
    ConnectionKind of model::cluster::ConnectionKind: Kubeconfig, ManagementSecret, InCluster;
    /// What a change is for.
    ChangeKind of model::change::ChangeKind: Apply, Rollback, CleanUp, Restore, NodePool, Drift;
    /// Where a change stands.
    ChangeState of model::change::ChangeState: Planned, AwaitingApproval, Scheduled, Applying, Repaving, Verifying,
        Succeeded, Rejected, Cancelling, Cancelled, Superseded, Stale, Failed;
    /// What a requirement protects against.
    RequirementKind of model::change::RequirementKind: Repave, BreakingApi, Guard;
    /// Where a step stands.
    StepState of model::change::StepState: Waiting, Sending, Settling, Succeeded, Failed;
    /// What happens to an object.
    Action of model::plan::Action: Create, Change, Replace, Orphan, ScaleToZero, Restore, Delete, Keep;
    /// Where an object is applied.
    Destination of model::object::Destination: Management, Workload;
    /// Which nodes are replaced.
    RepaveScope of model::plan::RepaveScope: None, ControlPlane, WorkerPools, Full;
    /// What a finding asks for.
    Severity of model::finding::Severity: Info, Acknowledge, Block;
    /// Where an orphan stands.
    OrphanState of model::orphan::OrphanState: Left, ScaledToZero, Kept, Deleted, Reclaimed;
    /// How an orphan can be stopped.
    Reach of model::orphan::Reach: Scale, Suspend, Park, None;
    /// Where a rollout stands.
    RolloutState of model::rollout::RolloutState: Draft, Running, Pausing, Paused, Halted, RollingBack, RolledBack,
        Aborting, Aborted, Succeeded;
    /// Where one cluster of a rollout stands.
    TargetState of model::rollout::TargetState: Waiting, AwaitingApproval, Blocked, Stale, Deferred, InFlight, Soaking,
        Succeeded, Failed, Skipped, Removed, RollingBack, RolledBack;
    /// A role of a principal in a project.
    Role of model::access::Role: Viewer, Author, Operator, Approver, Admin;
    /// The kind of a principal.
    PrincipalKind of model::access::PrincipalKind: Person, ServiceAccount, System;
}
