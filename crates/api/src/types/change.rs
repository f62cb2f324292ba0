//! Changes.

use async_graphql::{Context, Description, ID, Object, SimpleObject};
use strata_engine::Session;
use strata_model::{change, event::StreamId};

use super::{
    connection::{Total, connection, nodes},
    event::{EventConnection, HistoryEvent},
    global_id, known,
    plan::Plan,
    scalar::{DateTime, DigestText},
    state::{ChangeKind, ChangeState, RequirementKind, Role, StepState},
    summary::Names,
};
use crate::{cost::list, error::answer};

connection! { ChangeConnection, ChangeEdge of Change; }

/// One plan being carried out on one cluster, with its requirements, approvals and history.
#[derive(Debug, Clone, Description)]
pub struct Change {
    session: Session,
    change: change::Change,
}

impl Change {
    /// Shows a change.
    pub fn new(session: Session, change: change::Change) -> Self {
        Self { session, change }
    }
}

#[Object(use_type_description)]
impl Change {
    /// The global id.
    pub async fn id(&self) -> ID {
        global_id::encode("change", self.change.id.uuid())
    }

    /// The cluster's name.
    async fn cluster(&self, ctx: &Context<'_>) -> async_graphql::Result<String> {
        known::cluster_name(ctx, &self.session, self.change.cluster).await
    }

    /// What it is for.
    async fn kind(&self) -> ChangeKind {
        self.change.kind.into()
    }

    /// Where it stands.
    async fn state(&self) -> ChangeState {
        self.change.state.into()
    }

    /// Since when.
    async fn state_since(&self) -> DateTime {
        self.change.state_since.into()
    }

    /// Why, in the requester's words.
    async fn reason(&self) -> &str {
        &self.change.reason
    }

    /// Who asked for it.
    async fn requested_by(&self) -> &str {
        &self.change.requested_by.name
    }

    /// What an approval is bound to.
    async fn plan_digest(&self) -> DigestText {
        (&self.change.plan_digest).into()
    }

    /// The plan.
    async fn plan(&self) -> async_graphql::Result<Option<Plan>> {
        let record = self.session.plan(self.change.plan).await.map_err(answer)?;
        Ok(record.map(|record| Plan::new(self.session.clone(), record)))
    }

    /// What the cluster runs when it succeeds: profile versions, for people.
    async fn target(&self, ctx: &Context<'_>) -> async_graphql::Result<String> {
        known::target(ctx, &self.session, self.change.to).await
    }

    /// Whether somebody asked to apply it.
    async fn apply_requested(&self) -> bool {
        self.change.apply_requested
    }

    /// What must be approved.
    async fn requirements(&self) -> Vec<Requirement> {
        let now = self.session.now();
        self.change
            .requirements
            .iter()
            .map(|requirement| Requirement {
                kind: requirement.kind.into(),
                scope: requirement.scope.clone(),
                findings: requirement.findings.iter().map(ToString::to_string).collect(),
                role: requirement.role.into(),
                quorum: requirement.quorum,
                satisfied: requirement.is_satisfied(&self.change.plan_digest, now),
                expires_at: requirement
                    .satisfied_by
                    .iter()
                    .map(|approval| approval.expires_at)
                    .min()
                    .map(DateTime),
                satisfied_by: requirement.satisfied_by.iter().map(Approval::from).collect(),
            })
            .collect()
    }

    /// Codes of the findings that block it.
    async fn blocked_by(&self) -> Vec<String> {
        self.change.blocked_by.iter().map(ToString::to_string).collect()
    }

    /// What moved, for STALE.
    async fn moved(&self) -> &[String] {
        &self.change.moved
    }

    /// Why it stopped.
    async fn failure(&self) -> Option<Failure> {
        self.change.failure.as_ref().map(|failure| Failure {
            code: failure.code.clone(),
            message: failure.message.clone(),
            help: failure.help.clone(),
            object: failure.object.as_ref().map(ToString::to_string),
        })
    }

    /// Its steps.
    async fn steps(&self) -> Vec<Step> {
        self.change.steps.iter().map(Step::from).collect()
    }

    /// The rollout it belongs to.
    async fn rollout(&self) -> async_graphql::Result<Option<super::rollout::Rollout>> {
        let Some(id) = self.change.rollout else { return Ok(None) };
        let rollout = self.session.rollout(id).await.map_err(answer)?;
        Ok(rollout.map(|rollout| super::rollout::Rollout::new(self.session.clone(), rollout)))
    }

    /// When it was requested.
    async fn created_at(&self) -> DateTime {
        self.change.created_at.into()
    }

    /// When its first request was sent.
    async fn started_at(&self) -> Option<DateTime> {
        self.change.started_at.map(DateTime)
    }

    /// When it ended.
    async fn ended_at(&self) -> Option<DateTime> {
        self.change.ended_at.map(DateTime)
    }

    /// What happened to it.
    #[graphql(complexity = "list(first, child_complexity)")]
    async fn history(
        &self,
        #[graphql(desc = "How many, 1 to 100.")] first: Option<u32>,
        #[graphql(desc = "Behind which cursor.")] after: Option<String>,
    ) -> async_graphql::Result<EventConnection> {
        let names = Names::of_change(&self.change);
        super::event::history(&self.session, StreamId::from(self.change.id), &names, first, after).await
    }
}

/// Something that must be approved before the change may start.
#[derive(Debug, SimpleObject)]
pub struct Requirement {
    /// What it protects against.
    pub kind: RequirementKind,
    /// What it is about.
    pub scope: String,
    /// The findings it stands for.
    pub findings: Vec<String>,
    /// Who may satisfy it.
    pub role: Role,
    /// How many different people must.
    pub quorum: u32,
    /// Whether it is satisfied now.
    pub satisfied: bool,
    /// When the first of its approvals runs out.
    pub expires_at: Option<DateTime>,
    /// Who approved.
    pub satisfied_by: Vec<Approval>,
}

/// One person's approval.
#[derive(Debug, SimpleObject)]
pub struct Approval {
    /// Who.
    pub name: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: DateTime,
    /// Until when it counts.
    pub expires_at: DateTime,
}

impl From<&change::Approval> for Approval {
    fn from(approval: &change::Approval) -> Self {
        Self {
            name: approval.name.clone(),
            reason: approval.reason.clone(),
            at: approval.at.into(),
            expires_at: approval.expires_at.into(),
        }
    }
}

/// Why a change stopped.
#[derive(Debug, SimpleObject)]
pub struct Failure {
    /// Stable code.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// The way out.
    pub help: String,
    /// The object concerned, as `Kind.group namespace/name`.
    pub object: Option<String>,
}

/// One step.
#[derive(Debug, SimpleObject)]
pub struct Step {
    /// For people.
    pub title: String,
    /// `CONTROL_PLANE`, `WORKER_POOL`, `FOUNDATIONS`, `HOOKS_BEFORE`, `ADD_ONS`, `HOOKS_AFTER` or `ORPHANS`.
    pub kind: String,
    /// Where it stands.
    pub state: StepState,
    /// Whether nodes are replaced in it.
    pub repaves: bool,
    /// How many of its actions are done.
    pub done: u32,
    /// How many it has.
    pub total: u32,
    /// What it waits for, or how far it is.
    pub message: Option<String>,
    /// When it began.
    pub started_at: Option<DateTime>,
    /// When it ended.
    pub ended_at: Option<DateTime>,
}

impl From<&change::Step> for Step {
    fn from(step: &change::Step) -> Self {
        use strata_model::plan::StepKind;
        Self {
            title: step.kind.title(),
            kind: match step.kind {
                StepKind::ControlPlane => "CONTROL_PLANE",
                StepKind::WorkerPool { .. } => "WORKER_POOL",
                StepKind::Foundations { .. } => "FOUNDATIONS",
                StepKind::HooksBefore { .. } => "HOOKS_BEFORE",
                StepKind::AddOns { .. } => "ADD_ONS",
                StepKind::HooksAfter { .. } => "HOOKS_AFTER",
                StepKind::Orphans => "ORPHANS",
            }
            .to_owned(),
            state: step.state.into(),
            repaves: step.repaves,
            done: step.done,
            total: step.total,
            message: step.message.clone(),
            started_at: step.started_at.map(DateTime),
            ended_at: step.ended_at.map(DateTime),
        }
    }
}

/// A step forward of a change that is being watched.
#[derive(Debug, SimpleObject)]
pub struct ChangeProgress {
    /// What to give as `after` to go on behind this event.
    pub cursor: String,
    /// What happened.
    pub event: HistoryEvent,
    /// The change as it stands now.
    pub change: Change,
}

/// A page of changes.
pub fn page(
    session: &Session,
    page: strata_engine::PageOf<change::Change>,
    total: Total,
) -> ChangeConnection {
    ChangeConnection::new(nodes(page, |change| Change::new(session.clone(), change)), total)
}

/// Counts the changes that a filter leaves.
pub fn total(session: &Session, filter: strata_engine::ChangeFilter) -> Total {
    let session = session.clone();
    Total::new(move || {
        let (session, filter) = (session.clone(), filter.clone());
        async move { session.changes_count(&filter).await.map_err(answer) }
    })
}
