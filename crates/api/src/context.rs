//! What resolvers find in their context: the engine, and who asks.

use async_graphql::Context;
use strata_engine::{Caller, Engine, EngineError, Session};
use strata_model::{
    change::Change,
    error::{Refusal, RefusalCode},
    id::{ChangeId, ProjectId, RolloutId},
    rollout::Rollout,
    secret::SecretText,
};

use crate::types::global_id;

/// Who asks: authenticated, or why not. The token stays at hand for looking again while a subscription runs.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) caller: Result<Caller, Vec<Refusal>>,
    pub(crate) bearer: SecretText,
}

impl Identity {
    /// Asks the engine who a token belongs to.
    ///
    /// # Errors
    /// What is not the caller's to mend.
    pub(crate) async fn of(engine: &Engine, bearer: SecretText, cause: &str) -> Result<Self, EngineError> {
        let caller = match engine.authenticate(&bearer).await {
            Ok(mut caller) => {
                caller.cause = Some(cause.to_owned());
                Ok(caller)
            }
            Err(EngineError::Refused(refusals)) => Err(refusals),
            Err(error) => return Err(error),
        };
        Ok(Self { caller, bearer })
    }

    /// Nobody: no token was given.
    pub(crate) fn nobody() -> Self {
        let refusal = Refusal::new(
            RefusalCode::Unauthenticated,
            "a token is needed",
            "set STRATA_TOKEN or --token-file (the header `Authorization: Bearer …`) to a token made by `strata token create`",
        );
        Self { caller: Err(vec![refusal]), bearer: SecretText::new("") }
    }
}

pub(crate) fn engine<'c>(ctx: &Context<'c>) -> Result<&'c Engine, EngineError> {
    ctx.data::<Engine>().map_err(|error| EngineError::internal(error.message))
}

pub(crate) fn identity<'c>(ctx: &Context<'c>) -> Result<&'c Identity, EngineError> {
    ctx.data::<Identity>().map_err(|error| EngineError::internal(error.message))
}

pub(crate) fn caller<'c>(ctx: &Context<'c>) -> Result<&'c Caller, EngineError> {
    identity(ctx)?.caller.as_ref().map_err(|refusals| EngineError::Refused(refusals.clone()))
}

/// The caller in a project; without a name, in the only one that they see.
pub(crate) fn session(ctx: &Context<'_>, project: Option<&str>) -> Result<Session, EngineError> {
    engine(ctx)?.project(caller(ctx)?, project)
}

/// The caller in each project that they see, or in the one that is named: where to look for something by its id.
pub(crate) fn sessions(ctx: &Context<'_>, project: Option<&str>) -> Result<Vec<Session>, EngineError> {
    let (engine, caller) = (engine(ctx)?, caller(ctx)?);
    if project.is_some() {
        return Ok(vec![engine.project(caller, project)?]);
    }
    sessions_of(engine, caller)
}

/// The caller in each project that they see.
pub(crate) fn sessions_of(engine: &Engine, caller: &Caller) -> Result<Vec<Session>, EngineError> {
    let mut projects: Vec<ProjectId> = caller.bindings.iter().map(|(id, ..)| *id).collect();
    projects.sort_unstable();
    projects.dedup();
    projects.into_iter().map(|project| engine.session_of(caller, project)).collect()
}

macro_rules! find {
    ($($(#[$doc:meta])* $name:ident: $id:ident => $value:ty, $read:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// `INVALID_INPUT` for what is no such id, `NOT_FOUND` when no project that the caller sees has it.
        pub(crate) async fn $name(
            ctx: &Context<'_>,
            project: Option<&str>,
            id: &str,
            field: &str,
        ) -> Result<(Session, $value), EngineError> {
            let uuid = global_id::expect($id::NOUN, id).map_err(|refusal| refusal.at(field))?;
            for session in sessions(ctx, project)? {
                if let Some(found) = session.$read($id::new(uuid)).await? {
                    return Ok((session, found));
                }
            }
            Err(Refusal::not_found($id::NOUN, id).at(field).into())
        }
    )*};
}

find! {
    /// A change by its global id, in whatever project of the caller's it is.
    change_of: ChangeId => Change, change;
    /// A rollout by its global id, in whatever project of the caller's it is.
    rollout_of: RolloutId => Rollout, rollout;
}
