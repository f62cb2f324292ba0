//! Looking: some clusters together, first those whose plans follow from what is known, then one of each kind of the others.

use std::{collections::BTreeSet, sync::Arc};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use strata_model::fleet_preview::FleetOutcome;
use strata_plan::fleet::{self, Unfollowed};
use tokio::time::Instant;

use super::{
    FleetSurvey,
    groups::{Looked, Planned, member},
    rows::Row,
};
use crate::{
    error::EngineError,
    workbench::{Common, Records, Surveyed},
};

/// Of how many groups of one kind a plan is kept.
const EXAMPLES: usize = 25;
/// Of how many all is read at once that a plan is made of.
const BATCH: usize = 25;
/// How often those of a chunk that nothing follows for yet are tried again, each time with more to follow from; then they are
/// planned by themselves.
const ROUNDS: usize = 4;

/// How many clusters are looked at side by side: more than there are processors, since some are waited for.
pub(crate) fn side_by_side() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from) * 4
}

impl FleetSurvey {
    pub(super) async fn look_at(&mut self, rows: Vec<Row>) -> Result<(), EngineError> {
        let mut rows = self.follow(rows).await?;
        for round in 1.. {
            let (mut first, mut later) = (Vec::new(), Vec::new());
            let mut seen = BTreeSet::new();
            for row in rows {
                let follows =
                    round < ROUNDS && row.applied.as_ref().is_some_and(|it| self.known.may_follow(it));
                let is_first =
                    !follows || row.applied.as_ref().is_some_and(|applied| seen.insert(applied.clone()));
                if is_first { first.push(row) } else { later.push(row) }
            }
            if first.is_empty() {
                break;
            }
            Box::pin(self.plan_each(first)).await?;
            rows = self.follow(later).await?;
        }
        Ok(())
    }

    /// Plans each by itself. Who has not answered in time counts as not looked at.
    async fn plan_each(&mut self, rows: Vec<Row>) -> Result<(), EngineError> {
        let common = self.session.common().await?;
        let mut rows = rows.into_iter();
        while Instant::now() < self.until {
            let batch: Vec<Row> = rows.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                break;
            }
            let mut records = self.session.records(batch.iter().map(|row| &row.cluster)).await?;
            let given = batch.into_iter().map(|row| {
                let records = records.remove(&row.cluster.value.id).unwrap_or_default();
                (row, records)
            });
            let (survey, common) = (&*self, &common);
            let looks = given.enumerate().map(|(place, (row, records))| async move {
                let planned = survey.look(&row, (common, records)).await?;
                Ok::<_, EngineError>((place, row, planned))
            });
            // One that is slow to answer keeps nobody else waiting.
            let looks = stream::iter(looks.collect::<Vec<_>>()).buffer_unordered(side_by_side());
            let mut planned: Vec<(usize, Row, Option<Planned>)> = looks.try_collect().await?;
            // Which is the first of a group is not decided by who is done first.
            planned.sort_by_key(|(place, ..)| *place);
            for (_, row, planned) in planned {
                let Some(planned) = planned else { continue };
                self.known.learn(&row, &planned);
                self.count(planned).await?;
            }
        }
        Ok(())
    }

    /// Counts the clusters whose plans follow from known ones; gives back the others.
    async fn follow(&mut self, rows: Vec<Row>) -> Result<Vec<Row>, EngineError> {
        let key = self.session.engine.store().digest_key().clone();
        let given = std::mem::take(&mut self.known);
        let (given, followed) = tokio::task::spawn_blocking(move || {
            let followed: Vec<Result<Looked, Row>> =
                rows.into_iter().map(|row| given.follow(&row, &key).ok_or(row)).collect();
            (given, followed)
        })
        .await
        .map_err(EngineError::internal)?;
        self.known = given;
        let mut others = Vec::new();
        for result in followed {
            match result {
                Ok(looked) => self.groups.add(looked),
                Err(row) => others.push(row),
            }
        }
        Ok(others)
    }

    async fn look(&self, row: &Row, given: (&Common, Records)) -> Result<Option<Planned>, EngineError> {
        let cluster = &row.cluster;
        // However many are surveyed at once, only so many are planned.
        let turn = self.session.engine.looks().acquire();
        let Ok(turn) = tokio::time::timeout_at(self.until, turn).await else { return Ok(None) };
        let _turn = turn.map_err(EngineError::internal)?;
        // One that does not answer is not waited for with all the time that there is.
        let patience = self.session.engine.options().fleet_preview_patience;
        let until = self.until.min(Instant::now() + patience);
        let key = self.session.engine.store().digest_key();
        let (request, effects) = (self.request.clone(), Arc::clone(&self.effects));
        match self.session.survey(cluster, given, request, effects, until).await {
            Ok(None) => Ok(None),
            Ok(Some(Surveyed { assembled, effect, original })) => Ok(Some(Planned {
                looked: Looked {
                    outcome: FleetOutcome::of(&assembled.plan),
                    effect,
                    member: member(&cluster.value, Some(&assembled)),
                },
                assembled: Some(assembled),
                reason: None,
                original,
            })),
            Err(EngineError::Refused(refusals)) => {
                let mut reasons = Vec::new();
                for refusal in &refusals {
                    reasons.push(format!("{} [{}]", refusal.message, refusal.code));
                    reasons.extend(refusal.diagnostics.iter().map(ToString::to_string));
                    reasons.push(format!("  {}", refusal.help));
                }
                let reason = reasons.join("\n");
                let bare = fleet::without_own(&reason, &cluster.value);
                Ok(Some(Planned {
                    looked: Looked {
                        outcome: FleetOutcome::Refused,
                        effect: key.bytes("effect", bare.as_bytes()),
                        member: member(&cluster.value, None),
                    },
                    assembled: None,
                    reason: Some(reason),
                    original: Err(Unfollowed::ByState),
                }))
            }
            Err(error @ EngineError::Internal(_)) => Err(error),
        }
    }

    async fn count(&mut self, planned: Planned) -> Result<(), EngineError> {
        if !self.groups.has(&planned.looked) {
            let example = match &planned.assembled {
                Some(assembled) if self.groups.examples(planned.looked.outcome) < EXAMPLES => {
                    Some(self.session.keep_preview(assembled.clone()).await?.id)
                }
                _ => None,
            };
            let group = self.groups.found(&planned, example);
            self.found.push((group, planned.looked.member.name.clone()));
        }
        self.planned += 1;
        self.groups.add(planned.looked);
        Ok(())
    }
}
