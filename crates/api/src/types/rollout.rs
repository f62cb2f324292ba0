//! Rollouts.

use async_graphql::{Context, Description, ID, Object, SimpleObject};
use strata_engine::{PageOf, Session};
use strata_model::{event::StreamId, rollout};

use super::{
    connection::{self, Total, connection, nodes},
    event::{self, EventConnection, HistoryEvent},
    global_id, known,
    scalar::{DateTime, DigestText, KeyValue, SemVerText, key_values},
    state::{RolloutState, TargetState},
    summary::Names,
};
use crate::{
    cost::list,
    error::{answer, refused},
};

connection! {
    RolloutConnection, RolloutEdge of Rollout;
    TargetConnection, TargetEdge of Target;
}

/// One target carried to many clusters in stages.
#[derive(Debug, Clone, Description)]
pub struct Rollout {
    session: Session,
    rollout: rollout::Rollout,
}

impl Rollout {
    /// Shows a rollout.
    pub fn new(session: Session, rollout: rollout::Rollout) -> Self {
        Self { session, rollout }
    }

    fn stage_name(&self, stage: u32) -> String {
        let found = usize::try_from(stage).ok().and_then(|index| self.rollout.stages.get(index));
        found.map_or_else(|| stage.to_string(), |stage| stage.name.clone())
    }
}

#[Object(use_type_description)]
impl Rollout {
    /// The global id.
    pub async fn id(&self) -> ID {
        global_id::encode("rollout", self.rollout.id.uuid())
    }

    /// Its name.
    async fn name(&self) -> &str {
        &self.rollout.name
    }

    /// Where it stands.
    async fn state(&self) -> RolloutState {
        self.rollout.state.into()
    }

    /// Why it stands there; empty when it needs no words.
    async fn reason(&self) -> &str {
        &self.rollout.reason
    }

    /// Since when.
    async fn state_since(&self) -> DateTime {
        self.rollout.state_since.into()
    }

    /// What the clusters shall run.
    async fn target(&self) -> RolloutTarget {
        let target = &self.rollout.target;
        RolloutTarget {
            profile: target.revision.profile.to_string(),
            version: (&target.revision.version).into(),
            revision: target.revision.revision,
            content_digest: (&target.content_digest).into(),
        }
    }

    /// Its stages, in order.
    async fn stages(&self) -> Vec<Stage> {
        let numbered = (0_u32..).zip(&self.rollout.stages);
        numbered
            .map(|(number, stage)| Stage {
                number,
                name: stage.name.clone(),
                selector: key_values(&stage.selector.0),
                max_concurrency: stage.max_concurrency,
                soak_seconds: stage.soak_seconds,
                requires_approval: stage.requires_approval,
                approved: self.rollout.approved_stages.contains(&number),
                active: number == self.rollout.stage && !self.rollout.state.is_final(),
                counts: counts(self.rollout.targets.iter().filter(|target| target.stage == number)),
            })
            .collect()
    }

    /// How many failed clusters are tolerated.
    async fn failure_budget(&self) -> u32 {
        self.rollout.failure_budget
    }

    /// Its clusters, stage by stage.
    #[graphql(complexity = "list(first, child_complexity)")]
    async fn targets(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "In which states; all when left out.")] states: Option<Vec<TargetState>>,
        #[graphql(desc = "How many, 1 to 100.")] first: Option<u32>,
        #[graphql(desc = "Behind which cursor.")] after: Option<String>,
    ) -> async_graphql::Result<TargetConnection> {
        let page = connection::page(first, None).map_err(refused)?;
        let states: Option<Vec<rollout::TargetState>> =
            states.map(|states| states.into_iter().map(Into::into).collect());
        let chosen: Vec<&rollout::Target> = self
            .rollout
            .targets
            .iter()
            .filter(|target| states.as_ref().is_none_or(|states| states.contains(&target.state)))
            .collect();
        // The cursor names a cluster, so that a page stays where it is when others move.
        let start = match after {
            None => 0,
            Some(cursor) => {
                let last =
                    global_id::expect("target", &cursor).map_err(|refusal| refused(refusal.at("after")))?;
                let all = self.rollout.targets.iter();
                let passed = all.take_while(|target| target.cluster.uuid() != last).count() + 1;
                let passed = self.rollout.targets.get(..passed).unwrap_or_default();
                chosen.iter().filter(|target| passed.contains(target)).count()
            }
        };
        let wanted = usize::try_from(page.first).unwrap_or(usize::MAX);
        let rest = chosen.get(start..).unwrap_or_default();
        let mut items = Vec::with_capacity(rest.len().min(wanted));
        for target in rest.iter().take(wanted) {
            let shown = Target {
                cluster: known::cluster_name(ctx, &self.session, target.cluster).await?,
                stage: self.stage_name(target.stage),
                state: target.state.into(),
                since: target.since.into(),
                reason: target.reason.clone(),
                change_id: target.change.map(|change| global_id::encode("change", change.uuid())),
            };
            items.push((global_id::encode("target", target.cluster.uuid()).0, shown));
        }
        let count = u64::try_from(chosen.len()).unwrap_or(u64::MAX);
        Ok(TargetConnection::new((items, rest.len() > wanted), Total::new(move || async move { Ok(count) })))
    }

    /// How many clusters are in which state.
    async fn counts(&self) -> Vec<TargetCount> {
        counts(self.rollout.targets.iter())
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        self.rollout.created_at.into()
    }

    /// What happened to it, oldest first.
    #[graphql(complexity = "list(first, child_complexity)")]
    async fn history(
        &self,
        #[graphql(desc = "How many, 1 to 100.")] first: Option<u32>,
        #[graphql(desc = "Behind which cursor.")] after: Option<String>,
    ) -> async_graphql::Result<EventConnection> {
        let names = Names::of_rollout(&self.rollout);
        event::history(&self.session, StreamId::from(self.rollout.id), &names, first, after).await
    }
}

fn counts<'t>(targets: impl Iterator<Item = &'t rollout::Target> + Clone) -> Vec<TargetCount> {
    rollout::TargetState::ALL
        .into_iter()
        .filter_map(|state| {
            let count = targets.clone().filter(|target| target.state == state).count();
            (count > 0)
                .then(|| TargetCount { state: state.into(), count: u64::try_from(count).unwrap_or(u64::MAX) })
        })
        .collect()
}

/// What the clusters of a rollout shall run.
#[derive(Debug, SimpleObject)]
pub struct RolloutTarget {
    /// The profile's name.
    pub profile: String,
    /// The version.
    pub version: SemVerText,
    /// The revision.
    pub revision: u32,
    /// The digest of its content.
    pub content_digest: DigestText,
}

/// One stage of a rollout.
#[derive(Debug, SimpleObject)]
pub struct Stage {
    /// From 0; what `approveStage` takes.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// The labels that its clusters have.
    pub selector: Vec<KeyValue>,
    /// How many clusters are under way at once.
    pub max_concurrency: u32,
    /// How long a cluster must stay healthy before it counts, in seconds.
    pub soak_seconds: u32,
    /// Whether somebody must approve before it starts.
    pub requires_approval: bool,
    /// Whether somebody has.
    pub approved: bool,
    /// Whether it is the one at work.
    pub active: bool,
    /// How many of its clusters are in which state.
    pub counts: Vec<TargetCount>,
}

/// How many clusters are in a state.
#[derive(Debug, SimpleObject)]
pub struct TargetCount {
    /// The state.
    pub state: TargetState,
    /// How many.
    pub count: u64,
}

/// One cluster of a rollout.
#[derive(Debug, Clone, SimpleObject)]
pub struct Target {
    /// The cluster's name.
    pub cluster: String,
    /// The name of its stage.
    pub stage: String,
    /// Where it stands.
    pub state: TargetState,
    /// Since when.
    pub since: DateTime,
    /// Why; empty when it needs no words.
    pub reason: String,
    /// The global id of its change.
    pub change_id: Option<ID>,
}

/// A step forward of a rollout that is being watched.
#[derive(Debug, SimpleObject)]
pub struct RolloutProgress {
    /// What to give as `after` to go on behind this event.
    pub cursor: String,
    /// What happened.
    pub event: HistoryEvent,
    /// The rollout as it stands now.
    pub rollout: Rollout,
}

/// Counts the rollouts that a filter leaves.
pub fn total(session: &Session, filter: strata_engine::RolloutFilter) -> Total {
    let session = session.clone();
    Total::new(move || {
        let (session, filter) = (session.clone(), filter.clone());
        async move { session.rollouts_count(&filter).await.map_err(answer) }
    })
}

/// A page of rollouts.
pub fn page(session: &Session, page: PageOf<rollout::Rollout>, total: Total) -> RolloutConnection {
    RolloutConnection::new(nodes(page, |rollout| Rollout::new(session.clone(), rollout)), total)
}
