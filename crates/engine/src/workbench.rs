//! The workbench: compose → render → plan, for whoever asks.
//!
//! *Idea.* Preview, request, the check before a change starts, rollback and clean-up all come here. First everything is
//! gathered from the store (and, for `lookup`, from the cluster); then one pure function makes composition, render and
//! plan, off the async threads.
//!
//! *Guarantees.* The same stored things and the same facts give the same plan, whoever asks. Nothing is written to the
//! cluster, and to the store only what never changes anything: seeds and secrets.

mod effects;
mod gather;
mod make;
mod own;
mod records;
mod survey;
mod trace;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strata_model::{
    change::{Change, ChangeKind},
    cluster::{Cluster, Connectivity},
    composition::Composition,
    digest::Digest,
    error::{Refusal, RefusalCode},
    id::{ClusterId, CompositionId, OrphanId},
    macros::MacroName,
    plan::Plan,
    render::Render,
    secret::SecretText,
    variable::VariableValue,
};
use strata_plan::{CompositionRequest, Decision};
use strata_store::Stored;
use tokio::time::Instant;

use crate::{error::EngineError, session::Session};
pub(crate) use effects::Effects;
use gather::Gathered;
use make::{Made, Unmade};
pub(crate) use records::{Common, Records};
pub(crate) use survey::Surveyed;

/// What somebody asked for, in a form that can be planned anew later.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "intent", rename_all = "camelCase")]
pub(crate) enum Intent {
    /// Another composition.
    Compose {
        /// What shall be different.
        request: Box<CompositionRequest>,
        /// The first composition, being edited, that it starts from; on a cluster that runs nothing yet.
        #[serde(default)]
        base: Option<CompositionId>,
    },
    /// An earlier composition.
    RollBack {
        /// Which.
        earlier: CompositionId,
    },
    /// A decision about orphans.
    CleanUp {
        /// Which.
        orphans: Vec<OrphanId>,
        /// What.
        decision: Decision,
    },
}

impl Intent {
    /// What a request starts from on a cluster that runs nothing yet.
    const fn first_base(&self) -> Option<CompositionId> {
        match self {
            Self::Compose { base, .. } => *base,
            Self::RollBack { .. } | Self::CleanUp { .. } => None,
        }
    }

    /// A request on the first composition as it is now.
    fn compose(cluster: &Cluster, request: CompositionRequest) -> Self {
        let base = cluster.wanted.filter(|_| cluster.applied.is_none());
        Self::Compose { request: Box::new(request), base }
    }
}

/// The result of the workbench.
#[derive(Debug, Clone)]
pub(crate) struct Assembled {
    /// The plan.
    pub(crate) plan: Plan,
    /// The composition that it starts from.
    pub(crate) from: Option<CompositionId>,
    /// The composition that it leads to, when it is a new one; else the cluster keeps what it runs.
    pub(crate) composition: Option<Composition>,
    /// The macros that it took as they are now.
    pub(crate) macros: BTreeMap<MacroName, Option<VariableValue>>,
    /// The objects, in the clear.
    pub(crate) render: Render,
    /// What was asked for.
    pub(crate) intent: Intent,
    /// The keyed digest of the facts that could be read, as they are kept.
    pub(crate) facts: Option<Digest>,
}

/// How long a cluster may take to answer what `lookup` asks.
#[derive(Debug, Clone, Copy)]
enum Patience {
    /// As long as each call may take.
    EachCall,
    /// All together until then; and who is known not to answer is not asked.
    Until(Instant),
}

impl Patience {
    /// One that is known not to answer would not answer a request, either.
    fn allows(self, cluster: &Cluster) -> bool {
        matches!(self, Self::EachCall) || cluster.connectivity.value != Connectivity::Offline
    }
}

/// When the answers of a cluster came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answers {
    /// All that was asked was answered, or refused, in time.
    InTime,
    /// Not all: nobody knows which plan a request would make.
    Late,
}

/// How often `lookup` may ask for more; see DESIGN "Facts".
const LOOKUP_ROUNDS: usize = 3;

impl Session {
    /// Plans a request.
    pub(crate) async fn assemble(
        &self,
        cluster: &Stored<Cluster>,
        kind: ChangeKind,
        request: CompositionRequest,
    ) -> Result<Assembled, EngineError> {
        self.assemble_intent(cluster, kind, None, Intent::compose(&cluster.value, request)).await
    }

    /// Plans a request to be looked at: what does not render has a plan too, which says why and can never be carried out.
    pub(crate) async fn assemble_preview(
        &self,
        cluster: &Stored<Cluster>,
        request: CompositionRequest,
    ) -> Result<Assembled, EngineError> {
        self.assemble_to_look(cluster, ChangeKind::Apply, Intent::compose(&cluster.value, request)).await
    }

    /// The same of going back to an earlier composition.
    pub(crate) async fn assemble_rollback_preview(
        &self,
        cluster: &Stored<Cluster>,
        earlier: CompositionId,
    ) -> Result<Assembled, EngineError> {
        self.assemble_to_look(cluster, ChangeKind::Rollback, Intent::RollBack { earlier }).await
    }

    async fn assemble_to_look(
        &self,
        cluster: &Stored<Cluster>,
        kind: ChangeKind,
        intent: Intent,
    ) -> Result<Assembled, EngineError> {
        let (gathered, made) = self.make_intent(cluster, kind, None, &intent).await?;
        match made {
            Ok(made) => Ok(assembled(&gathered, made, intent)),
            Err(Unmade { plan: Some(made), .. }) => Ok(assembled(&gathered, *made, intent)),
            Err(unmade) => Err(unmade.error),
        }
    }

    /// Plans going back to an earlier composition.
    pub(crate) async fn assemble_rollback(
        &self,
        cluster: &Stored<Cluster>,
        earlier: CompositionId,
    ) -> Result<Assembled, EngineError> {
        self.assemble_intent(cluster, ChangeKind::Rollback, None, Intent::RollBack { earlier }).await
    }

    /// Plans a decision about orphans.
    pub(crate) async fn assemble_clean_up(
        &self,
        cluster: &Stored<Cluster>,
        orphans: Vec<OrphanId>,
        decision: Decision,
    ) -> Result<Assembled, EngineError> {
        let kind = if decision == Decision::Restore { ChangeKind::Restore } else { ChangeKind::CleanUp };
        self.assemble_intent(cluster, kind, None, Intent::CleanUp { orphans, decision }).await
    }

    /// Plans a change anew, from what was asked for, on what the cluster is now.
    pub(crate) async fn assemble_again(
        &self,
        cluster: &Stored<Cluster>,
        change: &Change,
    ) -> Result<Assembled, EngineError> {
        let stored = self.rows().plan_get(change.plan).await?;
        let mut intent: Intent = serde_json::from_value(stored.intent)?;
        // A change that holds its cluster is checked on what it was planned on: its own composition is wanted by now.
        if cluster.value.change != Some(change.id)
            && let Intent::Compose { request, .. } = intent
        {
            intent = Intent::compose(&cluster.value, *request);
        }
        self.assemble_intent(cluster, change.kind, Some(change), intent).await
    }

    /// Composes the first composition of a PENDING cluster; nothing is rendered yet.
    pub(crate) async fn compose_first(
        &self,
        cluster: &Stored<Cluster>,
        request: CompositionRequest,
    ) -> Result<Composition, EngineError> {
        let intent = Intent::compose(&cluster.value, request);
        let gathered = self.gather(cluster, ChangeKind::Apply, None, &intent).await?;
        pure(move || make::compose_first(&gathered, &intent)).await
    }

    /// A redactor that knows every secret of a composition on a cluster.
    pub(crate) async fn redactor_for(
        &self,
        cluster: ClusterId,
        composition: &Composition,
    ) -> Result<strata_values::Redactor, EngineError> {
        let secrets = self.with_secrets(cluster, composition, make::shown_secrets).await?;
        Ok(strata_values::Redactor::new(self.engine.store().digest_key(), secrets))
    }

    /// Every secret of a composition on a cluster; an error where it does not render, for then they are not all known.
    pub(crate) async fn secrets_of(
        &self,
        cluster: ClusterId,
        composition: &Composition,
    ) -> Result<Vec<SecretText>, EngineError> {
        self.with_secrets(cluster, composition, make::secrets).await
    }

    async fn with_secrets(
        &self,
        cluster: ClusterId,
        composition: &Composition,
        of: fn(&Gathered, &Composition) -> Result<Vec<SecretText>, EngineError>,
    ) -> Result<Vec<SecretText>, EngineError> {
        let cluster = self.rows().cluster_get(cluster).await?;
        let gathered = self.gather_for_view(&cluster, composition).await?;
        let composition = composition.clone();
        pure(move || of(&gathered, &composition)).await
    }

    async fn assemble_intent(
        &self,
        cluster: &Stored<Cluster>,
        kind: ChangeKind,
        change: Option<&Change>,
        intent: Intent,
    ) -> Result<Assembled, EngineError> {
        let (gathered, made) = self.make_intent(cluster, kind, change, &intent).await?;
        match made {
            Ok(made) => Ok(assembled(&gathered, made, intent)),
            Err(unmade) => Err(unmade.error),
        }
    }

    /// Makes a plan of what is stored, asking the cluster for what `lookup` wants to know.
    async fn make_intent(
        &self,
        cluster: &Stored<Cluster>,
        kind: ChangeKind,
        change: Option<&Change>,
        intent: &Intent,
    ) -> Result<(Gathered, Result<Made, Unmade>), EngineError> {
        let gathered = self.gather(cluster, kind, change, intent).await?;
        let (gathered, made, _) = self.make_of(cluster, gathered, intent, Patience::EachCall).await?;
        Ok((gathered, made))
    }

    async fn make_of(
        &self,
        cluster: &Stored<Cluster>,
        mut gathered: Gathered,
        intent: &Intent,
        patience: Patience,
    ) -> Result<(Gathered, Result<Made, Unmade>, Answers), EngineError> {
        let mut rounds = 0;
        loop {
            let (given, wanted) = (gathered, intent.clone());
            let (back, made) = pure(move || {
                let made = make::make(&given, &wanted);
                Ok::<_, EngineError>((given, made))
            })
            .await?;
            gathered = back;
            // What a template makes of an empty answer may be a mistake: that is known only with the real one.
            let unknown = match &made {
                Ok(made) => made.unknown_lookups(&gathered.facts),
                Err(unmade) => unmade.unknown_lookups.clone(),
            };
            if unknown.is_empty() || rounds == LOOKUP_ROUNDS || !patience.allows(&cluster.value) {
                return Ok((gathered, made, Answers::InTime));
            }
            // What is half answered when the time is over is not taken.
            let mut facts = gathered.facts.clone();
            let asking = self.look_up(&cluster.value, &mut facts, unknown);
            let news = match patience {
                Patience::EachCall => asking.await,
                Patience::Until(until) => match tokio::time::timeout_at(until, asking).await {
                    Ok(news) => news,
                    Err(_elapsed) => return Ok((gathered, made, Answers::Late)),
                },
            };
            if !news {
                return Ok((gathered, made, Answers::InTime));
            }
            gathered.facts = facts;
            let key = self.engine.store().digest_key();
            gathered.facts_digest = Some(strata_store::facts_digest(key, &gathered.facts)?);
            rounds += 1;
        }
    }
}

fn assembled(gathered: &Gathered, made: Made, intent: Intent) -> Assembled {
    // Going back takes the values of then.
    let composed = made.composition.as_ref().filter(|_| matches!(intent, Intent::Compose { .. }));
    let macros = composed.map(|composition| composition.macros.clone()).unwrap_or_default();
    Assembled {
        plan: made.plan,
        from: gathered.applied_id,
        composition: made.composition,
        macros,
        render: made.render,
        intent,
        facts: gathered.facts_digest.clone(),
    }
}

/// Runs pure work off the async threads.
async fn pure<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    tokio::task::spawn_blocking(work).await.map_err(EngineError::internal)?
}

/// A cluster that runs nothing has nothing to clean up or go back to.
fn nothing_applied(cluster: &Cluster) -> EngineError {
    Refusal::new(
        RefusalCode::IllegalState,
        format!("the cluster `{}` runs nothing yet", cluster.name),
        "apply something first",
    )
    .into()
}
