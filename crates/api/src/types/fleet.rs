//! The fleet as a whole.

use async_graphql::{Enum, ID, InputObject, SimpleObject};
use strata_engine::FleetSummary as Summary;
use strata_model::event::{StreamId, StreamKind};

use super::{
    event::HistoryEvent,
    global_id,
    scalar::{Count, SemVerText},
};

/// How many clusters there are, and in which states.
#[derive(Debug, SimpleObject)]
pub struct FleetSummary {
    /// How many clusters.
    pub total: u64,
    /// By phase.
    pub phases: Vec<Count>,
    /// By connectivity.
    pub connectivity: Vec<Count>,
    /// By health.
    pub health: Vec<Count>,
    /// By activity.
    pub activity: Vec<Count>,
    /// By the revisions that they run.
    pub profiles: Vec<ProfileCount>,
}

/// How many clusters run a revision.
#[derive(Debug, SimpleObject)]
pub struct ProfileCount {
    /// The profile's name.
    pub profile: String,
    /// The version.
    pub version: SemVerText,
    /// The revision.
    pub revision: u32,
    /// How many clusters.
    pub clusters: u64,
}

impl From<Summary> for FleetSummary {
    fn from(summary: Summary) -> Self {
        let counts = |pairs: Vec<(String, u64)>| {
            pairs.into_iter().map(|(value, count)| Count { value, count }).collect()
        };
        Self {
            total: summary.total,
            phases: counts(summary.phases),
            connectivity: counts(summary.connectivity),
            health: counts(summary.health),
            activity: counts(summary.activity),
            profiles: summary
                .profiles
                .into_iter()
                .map(|count| ProfileCount {
                    profile: count.revision.profile.to_string(),
                    version: (&count.revision.version).into(),
                    revision: count.revision.revision,
                    clusters: count.clusters,
                })
                .collect(),
        }
    }
}

/// What an event of the fleet is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum FleetSubject {
    /// A change.
    Change,
    /// A cluster.
    Cluster,
    /// An orphan.
    Orphan,
    /// A rollout.
    Rollout,
}

impl FleetSubject {
    /// The subject of a stream; none for streams that are not of the fleet.
    #[must_use]
    pub const fn of(kind: StreamKind) -> Option<Self> {
        match kind {
            StreamKind::Change => Some(Self::Change),
            StreamKind::Cluster => Some(Self::Cluster),
            StreamKind::Orphan => Some(Self::Orphan),
            StreamKind::Rollout => Some(Self::Rollout),
            StreamKind::Audit => None,
        }
    }
}

/// Which events of the fleet are wanted.
#[derive(Debug, Clone, Default, InputObject)]
pub struct FleetEventFilter {
    /// About what; anything when left out.
    pub kinds: Option<Vec<FleetSubject>>,
    /// About which things, by global id; any when left out.
    pub subjects: Option<Vec<ID>>,
}

impl FleetEventFilter {
    /// What a stream's events are about, if they are wanted.
    #[must_use]
    pub fn wants(&self, stream: StreamId) -> Option<(FleetSubject, ID)> {
        let kind = FleetSubject::of(stream.kind)?;
        let id = global_id::encode(stream.kind.as_str(), stream.subject);
        let of_kind = self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&kind));
        let of_subject = self.subjects.as_ref().is_none_or(|subjects| subjects.contains(&id));
        (of_kind && of_subject).then_some((kind, id))
    }
}

/// Something that happened in the fleet.
#[derive(Debug, SimpleObject)]
pub struct FleetEvent {
    /// What to give as `after` to go on behind this event.
    pub cursor: String,
    /// What kind of thing it is about.
    pub kind: FleetSubject,
    /// The global id of that thing.
    pub subject: ID,
    /// What happened.
    pub event: HistoryEvent,
}

#[cfg(test)]
mod tests {
    use strata_model::id::{ChangeId, ProjectId, RolloutId};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_filter_leaves_what_is_wanted() {
        let change = StreamId::from(ChangeId::new(Uuid::from_u128(1)));
        let rollout = StreamId::from(RolloutId::new(Uuid::from_u128(2)));
        let all = FleetEventFilter::default();
        assert!(all.wants(change).is_some() && all.wants(rollout).is_some());
        assert!(
            all.wants(StreamId::from(ProjectId::new(Uuid::nil()))).is_none(),
            "audit is no event of the fleet"
        );
        let changes = FleetEventFilter { kinds: Some(vec![FleetSubject::Change]), subjects: None };
        assert!(changes.wants(change).is_some() && changes.wants(rollout).is_none());
        let one = FleetEventFilter {
            kinds: None,
            subjects: Some(vec![global_id::encode("rollout", Uuid::from_u128(2))]),
        };
        assert!(one.wants(change).is_none() && one.wants(rollout).is_some());
    }
}
