//! The enumerations of the model, as the schema names them.

use async_graphql::Enum;
use strata_model as model;

macro_rules! mirrors {
    ($($(#[$doc:meta])* $name:ident of $remote:path { $($(#[$item_doc:meta])* $item:ident,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
        pub enum $name { $($(#[$item_doc])* $item,)* }

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
    ProfileType of model::profile::ProfileType {
        /// Infrastructure and add-on layers.
        Full,
        /// Infrastructure layers only.
        Infra,
        /// Add-on layers only.
        Addon,
    }
    /// The kind of a layer.
    LayerKind of model::profile::LayerKind {
        /// Operating system.
        Os,
        /// Kubernetes distribution.
        Kubernetes,
        /// Network.
        Cni,
        /// Storage.
        Csi,
        /// Anything on top.
        Addon,
    }
    /// What a problem means for publishing.
    ProblemSeverity of model::problem::ProblemSeverity {
        /// The version cannot be published.
        Error,
        /// Nothing is wrong, but something could not be looked at.
        Note,
        /// It can, and its author should know.
        Warning,
    }
    /// What became of something between two versions.
    Difference of strata_engine::comparison::Difference {
        /// It is new.
        Added,
        /// It is gone.
        Removed,
        /// It is another.
        Changed,
    }
    /// The state of a profile version.
    VersionState of model::profile::VersionState {
        /// May be edited; no cluster may run it.
        Draft,
        /// Frozen.
        Published,
        /// Frozen, and discouraged.
        Deprecated,
        /// Gone, but for its tombstone.
        Deleted,
    }
    /// When another field manager holds a field.
    ConflictPolicy of model::profile::ConflictPolicy {
        /// Stop the step and name manager and field.
        Fail,
        /// Leave the field to the other manager.
        Yield,
        /// Take the field.
        Force,
    }
    /// When a change cannot be made in place.
    ImmutablePolicy of model::profile::ImmutablePolicy {
        /// Block the change.
        Block,
        /// Delete and create the object; the plan lists it and an approval covers it.
        Replace,
    }
    /// When an object is no longer rendered.
    OrphanPolicy of model::profile::OrphanPolicy {
        /// It stays until somebody decides.
        Keep,
        /// It is scaled to zero, restorably.
        ScaleToZero,
        /// It is deleted.
        Delete,
    }
    /// The form that a variable's text must have.
    VariableFormat of model::variable::VariableFormat {
        /// Any text.
        String,
        /// A decimal number.
        Number,
        /// `true` or `false`.
        Boolean,
        /// An IPv4 address.
        Ipv4,
        /// An IPv4 network, `10.0.0.0/8`.
        Ipv4cidr,
        /// An IPv6 address.
        Ipv6,
        /// A SemVer version.
        Version,
        /// Base64.
        Base64,
    }
    /// The life of a cluster.
    Phase of model::cluster::Phase {
        /// Registered; nothing applied.
        Pending,
        /// Its first change is under way.
        Provisioning,
        /// It runs an applied composition.
        Running,
        /// It is being let go.
        Deleting,
        /// It is gone, but for its history.
        Deleted,
    }
    /// Whether Strata reaches a cluster.
    Connectivity of model::cluster::Connectivity {
        /// Never tried.
        Unknown,
        /// The last attempt succeeded.
        Online,
        /// The last attempt failed.
        Offline,
    }
    /// Whether what a cluster runs is well.
    Health of model::cluster::Health {
        /// Not known.
        Unknown,
        /// All is ready.
        Healthy,
        /// Something is not.
        Degraded,
    }
    /// What Strata does with a cluster.
    Activity of model::cluster::Activity {
        /// Nothing.
        Idle,
        /// A change is under way.
        Updating,
        /// A change waits for the approval of a repave.
        RepavePending,
    }
    /// How a cluster is reached.
    ConnectionKind of model::cluster::ConnectionKind {
        /// A kubeconfig sealed in the store.
        Kubeconfig,
        /// The Secret `<name>-kubeconfig` in the management cluster.
        ManagementSecret,
        /// The cluster that Strata runs in.
        InCluster,
    }
    /// What a change is for.
    ChangeKind of model::change::ChangeKind {
        /// Go to a wanted composition.
        Apply,
        /// Go back to an earlier one.
        Rollback,
        /// Decide about orphans.
        CleanUp,
        /// Bring orphans back.
        Restore,
        /// Work on node pools.
        NodePool,
        /// Put back what drifted.
        Drift,
    }
    /// Where a change stands.
    ChangeState of model::change::ChangeState {
        /// Planned; BLOCK findings keep it here.
        Planned,
        /// Requirements are open.
        AwaitingApproval,
        /// All requirements are met and somebody asked to apply it; it waits for its turn.
        Scheduled,
        /// Objects are being sent or waited for.
        Applying,
        /// Nodes are being replaced.
        Repaving,
        /// Everything was sent; health is being proved.
        Verifying,
        /// Done.
        Succeeded,
        /// An approver said no.
        Rejected,
        /// Being stopped: requests in flight are waited for.
        Cancelling,
        /// Stopped.
        Cancelled,
        /// Another change took its place.
        Superseded,
        /// What it was planned on has moved.
        Stale,
        /// It stopped with an error; it can be retried.
        Failed,
    }
    /// What a requirement protects against.
    RequirementKind of model::change::RequirementKind {
        /// Nodes are replaced.
        Repave,
        /// An API breaks.
        BreakingApi,
        /// A finding must be acknowledged, or an object is replaced.
        Guard,
    }
    /// Where a step stands.
    StepState of model::change::StepState {
        /// Not begun.
        Waiting,
        /// Objects are being sent.
        Sending,
        /// All was sent; health is awaited.
        Settling,
        /// Done.
        Succeeded,
        /// Stopped with an error.
        Failed,
    }
    /// What would become of one object on the living cluster.
    LiveOutcome of model::evidence::LiveOutcome {
        /// It would be new.
        Created,
        /// It would be another than it is.
        Changed,
        /// It is already as wanted; or the plan leaves it as it is.
        Unchanged,
        /// It would be deleted and created anew.
        Replaced,
        /// It is left behind, and is there.
        LeftBehind,
        /// It is not there: nothing is left behind of it; or the plan leaves it as it is, and it was deleted.
        Gone,
        /// The API server would refuse it.
        Refused,
        /// Another manager holds fields of it, and its layer says `onConflict: FAIL`.
        FieldConflict,
        /// It is there, and is not Strata's.
        NotOurs,
        /// It depends on something that comes with the same change.
        NotKnownYet,
        /// It was not asked for, or there was no answer.
        NotAsked,
    }
    /// What happens to an object.
    Action of model::plan::Action {
        /// It is sent for the first time.
        Create,
        /// It is sent with other content.
        Change,
        /// It is deleted and created anew.
        Replace,
        /// It is no longer rendered and stays behind.
        Orphan,
        /// It is scaled to zero; the former state is recorded first.
        ScaleToZero,
        /// It gets its recorded state back.
        Restore,
        /// It is deleted.
        Delete,
        /// It is taken off the list of orphans and left alone.
        Keep,
        /// It is a hook: created, waited for, and deleted as its policy says.
        RunHook,
    }
    /// Where an object is applied.
    Destination of model::object::Destination {
        /// The management cluster: Cluster API objects of infrastructure layers.
        Management,
        /// The cluster itself.
        Workload,
    }
    /// What a value has to do with a field.
    FieldRole of model::field_trace::FieldRole {
        /// Another value gives the field another value.
        Gives,
        /// Another value leaves the field, or the object, away.
        Decides,
    }
    /// Why a field that is written otherwise says the same.
    SameMeaning of model::plan::SameMeaning {
        /// It is the same amount: `1000m` and `1`.
        Amount,
        /// It is what Kubernetes fills in where nothing is said.
        Default,
    }
    /// Which nodes are replaced.
    RepaveScope of model::plan::RepaveScope {
        /// None.
        None,
        /// Those of the control plane.
        ControlPlane,
        /// Those of pools only.
        WorkerPools,
        /// All.
        Full,
    }
    /// What comes of a target on a cluster.
    FleetOutcome of model::fleet_preview::FleetOutcome {
        /// Nothing.
        Unchanged,
        /// It changes, and may be asked for.
        Changes,
        /// An override and the new revision disagree.
        Conflicts,
        /// A finding keeps the change from being carried out.
        Blocked,
        /// There is no plan: it does not render, or cannot be composed.
        Refused,
    }
    /// What a finding asks for.
    Severity of model::finding::Severity {
        /// Nothing: good to know. Not part of the plan's digest.
        Info,
        /// An entitled person must acknowledge it with a reason.
        Acknowledge,
        /// The change cannot be carried out.
        Block,
    }
    /// Where an orphan stands.
    OrphanState of model::orphan::OrphanState {
        /// It runs on, and waits for a decision.
        Left,
        /// It was scaled to zero; its record allows to restore it.
        ScaledToZero,
        /// Somebody decided to keep it.
        Kept,
        /// It is gone.
        Deleted,
        /// A composition renders it again.
        Reclaimed,
    }
    /// How an orphan can be stopped.
    Reach of model::orphan::Reach {
        /// It has a scale subresource.
        Scale,
        /// It can be suspended (`CronJob`, `Job`).
        Suspend,
        /// It can be parked by a node selector that no node has (DaemonSet).
        Park,
        /// Scaling does not reach it; only deletion does.
        None,
    }
    /// Where a rollout stands.
    RolloutState of model::rollout::RolloutState {
        /// Made, not started.
        Draft,
        /// Under way.
        Running,
        /// Being paused: changes in flight are waited for.
        Pausing,
        /// Paused.
        Paused,
        /// Stopped by failures beyond the budget.
        Halted,
        /// Being taken back.
        RollingBack,
        /// Taken back.
        RolledBack,
        /// Being aborted: changes in flight are waited for.
        Aborting,
        /// Aborted.
        Aborted,
        /// Done; deferred and skipped clusters are counted.
        Succeeded,
    }
    /// Where one cluster of a rollout stands.
    TargetState of model::rollout::TargetState {
        /// Its turn has not come.
        Waiting,
        /// Its change waits for approval.
        AwaitingApproval,
        /// Its plan has BLOCK findings.
        Blocked,
        /// Its change became stale.
        Stale,
        /// Its cluster is offline; it catches up later.
        Deferred,
        /// Its change is under way.
        InFlight,
        /// Its change succeeded; health is watched for the soak time.
        Soaking,
        /// Proved: target digest and health, newer than its own apply.
        Succeeded,
        /// Its change failed.
        Failed,
        /// Somebody left it out.
        Skipped,
        /// Its cluster is gone.
        Removed,
        /// It is being taken back.
        RollingBack,
        /// It was taken back.
        RolledBack,
    }
    /// A role of a principal in a project.
    Role of model::access::Role {
        /// Reads.
        Viewer,
        /// Writes packs and profiles.
        Author,
        /// Registers clusters, requests and applies changes, runs rollouts.
        Operator,
        /// Approves.
        Approver,
        /// Everything, including people and tokens.
        Admin,
    }
    /// The kind of a principal.
    PrincipalKind of model::access::PrincipalKind {
        /// A person.
        Person,
        /// A service account.
        ServiceAccount,
        /// Strata itself: background work.
        System,
    }
}
