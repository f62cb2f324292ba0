//! Subscriptions: the event log, followed; and fleet previews while they are made.
//!
//! *Idea.* A subscription reads the log behind its cursor, hands each event on with the state as it is now, and waits for
//! the next commit. There is no buffer between the log and the client: a slow client reads later, and skips nothing. A fleet
//! preview makes its next step when the client has taken what came of the last one.
//!
//! *Guarantees.* Who asks is looked up again before events are handed on: a revoked token or role ends the subscription.
//! `changeProgress` and `rolloutProgress` complete when nothing moves any more without somebody deciding.

use std::time::Duration;

use async_graphql::{Context, ID};
use async_stream::try_stream;
use futures::Stream;
use strata_engine::{Engine, EngineError, FleetSurvey, Session};
use strata_model::{
    change::{self, ChangeState},
    error::Refusal,
    event::{Event, StreamId},
    id::{ChangeId, ProjectId, RolloutId},
    rollout,
    secret::SecretText,
};
use tokio::{sync::watch, time::Instant};

use crate::{
    context::{caller, change_of, engine, identity, rollout_of, session},
    error::{answer, refused, request_id},
    query::preview::PreviewFleetUpgradeInput,
    types::{
        change::{Change, ChangeProgress},
        event::{HistoryEvent, with_clusters},
        fleet::{FleetEvent, FleetEventFilter},
        fleet_preview::{FleetPreview, FleetPreviewProgress},
        global_id,
        rollout::{Rollout, RolloutProgress},
        summary::Names,
    },
};

/// How many events are read at once.
const BATCH: u32 = 200;
/// The least time between two looks at the log: commits of others wake every subscription.
const PACE: Duration = Duration::from_millis(50);
/// After how long without a commit who asks is looked up again.
const RECHECK: Duration = Duration::from_secs(30);

/// What can be followed.
#[derive(Debug, Default, async_graphql::Description)]
pub struct Subscription;

#[async_graphql::Subscription(use_type_description)]
impl Subscription {
    /// Follows a change until nothing moves any more without somebody deciding: it ended, failed, or is stale. Without
    /// `after` it begins with the present state.
    async fn change_progress(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The change.")] id: ID,
        #[graphql(desc = "The `cursor` of the last item that was seen.")] after: Option<String>,
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<ChangeProgress>> + use<>> {
        let position =
            after.map(|cursor| global_id::decode_position(&cursor)).transpose().map_err(refused)?;
        let (session, change) = change_of(ctx, None, &id, "id").await.map_err(answer)?;
        let follow = Follow::new(ctx, &session, Some(StreamId::from(change.id))).map_err(answer)?;
        Ok(changes(follow, session, change.id, position))
    }

    /// Follows a rollout until it ends. Without `after` it begins with the present state.
    async fn rollout_progress(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The rollout.")] id: ID,
        #[graphql(desc = "The `cursor` of the last item that was seen.")] after: Option<String>,
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<RolloutProgress>> + use<>> {
        let position =
            after.map(|cursor| global_id::decode_position(&cursor)).transpose().map_err(refused)?;
        let (session, rollout) = rollout_of(ctx, None, &id, "id").await.map_err(answer)?;
        let follow = Follow::new(ctx, &session, Some(StreamId::from(rollout.id))).map_err(answer)?;
        Ok(rollouts(follow, session, rollout.id, position))
    }

    /// Makes a fleet preview, and tells how far it has come; the last item holds the preview itself. As `previewFleetUpgrade`,
    /// with more time for what differs from cluster to cluster: it goes on as long as somebody listens, at most a quarter
    /// of an hour.
    #[graphql(complexity = "1000 + child_complexity")]
    async fn fleet_preview_progress(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The target, and which clusters.")] input: PreviewFleetUpgradeInput,
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<FleetPreviewProgress>> + use<>> {
        let begun: Result<_, EngineError> = async {
            let (session, to, filter) = input.target(ctx)?;
            let subscriber = Subscriber::new(ctx, &session)?;
            Ok((subscriber, Box::pin(session.survey_fleet(&to, filter)).await?, session))
        }
        .await;
        let (subscriber, survey, session) = begun.map_err(answer)?;
        Ok(surveyed(subscriber, survey, session))
    }

    /// Follows what happens to the clusters, changes, orphans and rollouts of a project. Without `after` it begins with
    /// what comes next. It never completes by itself.
    async fn fleet_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The project; may be left out when the token sees one only.")] project: Option<
            String,
        >,
        #[graphql(desc = "Which events; all when left out.")] filter: Option<FleetEventFilter>,
        #[graphql(desc = "The `cursor` of the last item that was seen.")] after: Option<String>,
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<FleetEvent>> + use<>> {
        let position =
            after.map(|cursor| global_id::decode_position(&cursor)).transpose().map_err(refused)?;
        let session = session(ctx, project.as_deref()).map_err(answer)?;
        let follow = Follow::new(ctx, &session, None).map_err(answer)?;
        Ok(fleet(follow, session, filter.unwrap_or_default(), position))
    }
}

/// Who subscribed, as long as they may.
struct Subscriber {
    engine: Engine,
    bearer: SecretText,
    cause: String,
    project: ProjectId,
}

impl Subscriber {
    fn new(ctx: &Context<'_>, session: &Session) -> Result<Self, EngineError> {
        caller(ctx)?;
        Ok(Self {
            engine: engine(ctx)?.clone(),
            bearer: identity(ctx)?.bearer.clone(),
            cause: request_id(),
            project: session.project_id(),
        })
    }

    /// Who asks, looked up again.
    async fn session(&self) -> Result<Session, EngineError> {
        let mut caller = self.engine.authenticate(&self.bearer).await?;
        caller.cause = Some(self.cause.clone());
        self.engine.session_of(&caller, self.project)
    }
}

/// One follower of the log.
struct Follow {
    subscriber: Subscriber,
    stream: Option<StreamId>,
    latest: watch::Receiver<i64>,
    looked: Instant,
}

impl Follow {
    fn new(ctx: &Context<'_>, session: &Session, stream: Option<StreamId>) -> Result<Self, EngineError> {
        let subscriber = Subscriber::new(ctx, session)?;
        let latest = subscriber.engine.last_position();
        Ok(Self { subscriber, stream, latest, looked: Instant::now() })
    }

    async fn events(&mut self, session: &Session, after: i64) -> Result<Vec<Event>, EngineError> {
        self.looked = Instant::now();
        session.events(self.stream, after, u64::from(BATCH)).await
    }

    /// The last event of the stream that is followed. A stream has at least the event that began it.
    async fn last(&mut self, session: &Session) -> Result<Event, EngineError> {
        let mut last: Option<Event> = None;
        loop {
            let after = last.as_ref().map_or(0, |event| event.position);
            match self.events(session, after).await?.pop() {
                Some(event) => last = Some(event),
                None => return last.ok_or_else(|| EngineError::internal("a stream without events")),
            }
        }
    }

    /// Waits until there may be more. When the server shuts down there is none: the connection is closed, so that who
    /// follows knows that this is no end, and comes back.
    async fn more(&mut self) {
        tokio::time::sleep_until(self.looked + PACE).await;
        if let Ok(Err(_)) = tokio::time::timeout(RECHECK, self.latest.changed()).await {
            std::future::pending::<()>().await;
        }
    }
}

fn gone(noun: &str, id: impl std::fmt::Display) -> EngineError {
    Refusal::not_found(noun, id).into()
}

async fn change_now(session: &Session, id: ChangeId) -> Result<change::Change, EngineError> {
    session.change(id).await?.ok_or_else(|| gone("change", id))
}

async fn rollout_now(session: &Session, id: RolloutId) -> Result<rollout::Rollout, EngineError> {
    session.rollout(id).await?.ok_or_else(|| gone("rollout", id))
}

/// Whether nothing moves any more without somebody deciding.
const fn rests(state: ChangeState) -> bool {
    state.is_final() || matches!(state, ChangeState::Failed | ChangeState::Stale)
}

fn surveyed(
    subscriber: Subscriber,
    mut survey: FleetSurvey,
    mut session: Session,
) -> impl Stream<Item = async_graphql::Result<FleetPreviewProgress>> + use<> {
    try_stream! {
        yield FleetPreviewProgress::of(&survey, &session);
        loop {
            session = subscriber.session().await.map_err(answer)?;
            if !survey.step(&session).await.map_err(answer)? {
                break;
            }
            yield FleetPreviewProgress::of(&survey, &session);
        }
        let mut last = FleetPreviewProgress::of(&survey, &session);
        let preview = survey.keep().await.map_err(answer)?;
        last.preview = Some(FleetPreview::new(session, preview));
        yield last;
    }
}

fn changes(
    mut follow: Follow,
    mut session: Session,
    id: ChangeId,
    after: Option<i64>,
) -> impl Stream<Item = async_graphql::Result<ChangeProgress>> + use<> {
    let item = |session: &Session, change: &change::Change, event: &Event| ChangeProgress {
        cursor: global_id::encode_position(event.position),
        event: HistoryEvent::new(event, &Names::of_change(change)),
        change: Change::new(session.clone(), change.clone()),
    };
    try_stream! {
        let mut position = match after {
            Some(position) => position,
            None => {
                let last = follow.last(&session).await.map_err(answer)?;
                let change = change_now(&session, id).await.map_err(answer)?;
                yield item(&session, &change, &last);
                last.position
            }
        };
        loop {
            // Read before the events: when it rests and no event follows, all of them have been handed on.
            let before = change_now(&session, id).await.map_err(answer)?;
            let events = follow.events(&session, position).await.map_err(answer)?;
            if events.is_empty() {
                if rests(before.state) {
                    break;
                }
                follow.more().await;
                continue;
            }
            session = follow.subscriber.session().await.map_err(answer)?;
            let change = change_now(&session, id).await.map_err(answer)?;
            for event in events {
                position = event.position;
                yield item(&session, &change, &event);
            }
        }
    }
}

fn rollouts(
    mut follow: Follow,
    mut session: Session,
    id: RolloutId,
    after: Option<i64>,
) -> impl Stream<Item = async_graphql::Result<RolloutProgress>> + use<> {
    let item =
        |session: &Session, rollout: &rollout::Rollout, event: &Event, names: &Names| RolloutProgress {
            cursor: global_id::encode_position(event.position),
            event: HistoryEvent::new(event, names),
            rollout: Rollout::new(session.clone(), rollout.clone()),
        };
    try_stream! {
        let mut names = Names::default();
        let mut position = match after {
            Some(position) => position,
            None => {
                let last = follow.last(&session).await.map_err(answer)?;
                let rollout = rollout_now(&session, id).await.map_err(answer)?;
                let events = [last];
                names = with_clusters(&session, &Names::of_rollout(&rollout), &events).await.map_err(answer)?;
                let [last] = events;
                yield item(&session, &rollout, &last, &names);
                last.position
            }
        };
        loop {
            let before = rollout_now(&session, id).await.map_err(answer)?;
            let events = follow.events(&session, position).await.map_err(answer)?;
            if events.is_empty() {
                if before.state.is_final() {
                    break;
                }
                follow.more().await;
                continue;
            }
            session = follow.subscriber.session().await.map_err(answer)?;
            let rollout = rollout_now(&session, id).await.map_err(answer)?;
            names.stages = Names::of_rollout(&rollout).stages;
            names = with_clusters(&session, &names, &events).await.map_err(answer)?;
            for event in events {
                position = event.position;
                yield item(&session, &rollout, &event, &names);
            }
        }
    }
}

fn fleet(
    mut follow: Follow,
    mut session: Session,
    filter: FleetEventFilter,
    after: Option<i64>,
) -> impl Stream<Item = async_graphql::Result<FleetEvent>> + use<> {
    try_stream! {
        let mut position = after.unwrap_or_else(|| *follow.latest.borrow_and_update());
        loop {
            let events = follow.events(&session, position).await.map_err(answer)?;
            if events.is_empty() {
                follow.more().await;
                session = follow.subscriber.session().await.map_err(answer)?;
                continue;
            }
            session = follow.subscriber.session().await.map_err(answer)?;
            let names = with_clusters(&session, &Names::default(), &events).await.map_err(answer)?;
            for event in events {
                position = event.position;
                let wanted = event.stream.parse::<StreamId>().ok().and_then(|stream| filter.wants(stream));
                if let Some((kind, subject)) = wanted {
                    let cursor = global_id::encode_position(position);
                    yield FleetEvent { cursor, kind, subject, event: HistoryEvent::new(&event, &names) };
                }
            }
        }
    }
}
