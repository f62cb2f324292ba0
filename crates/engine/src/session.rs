//! Callers and sessions: who asks, in which project, and what they may do there.

use futures::future::BoxFuture;
use strata_model::{
    Timestamp,
    access::{Actor, Permission, Role},
    error::{Refusal, RefusalCode},
    event::AuditEntry,
    id::ProjectId,
};
use strata_store::{Scoped, Tx};

use crate::{Engine, error::EngineError, ledger::Ledger};

/// Who asks: an actor with their roles.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Named in events and audit.
    pub actor: Actor,
    /// Project, its name, and a role there.
    pub bindings: Vec<(ProjectId, String, Role)>,
    /// The request that it belongs to.
    pub cause: Option<String>,
}

impl Caller {
    /// The roles in one project.
    #[must_use]
    pub fn roles(&self, project: ProjectId) -> Vec<Role> {
        self.bindings.iter().filter(|(id, ..)| *id == project).map(|(.., role)| *role).collect()
    }
}

/// A caller in one project. All verbs and reads hang here, and each checks its permission.
#[derive(Debug, Clone)]
pub struct Session {
    pub(crate) engine: Engine,
    pub(crate) caller: Caller,
    pub(crate) project: ProjectId,
}

impl Engine {
    /// A caller in a project; without a name, in the only one they see.
    ///
    /// # Errors
    /// `NOT_FOUND` for a project that is not there or not seen, `INVALID_INPUT` when one must be named.
    pub fn project(&self, caller: &Caller, project: Option<&str>) -> Result<Session, EngineError> {
        let mut seen: Vec<(ProjectId, &str)> =
            caller.bindings.iter().map(|(id, name, _)| (*id, name.as_str())).collect();
        seen.sort_unstable();
        seen.dedup();
        let chosen = match project {
            Some(wanted) => {
                seen.iter().find(|(_, name)| *name == wanted).map(|(id, _)| *id).ok_or_else(|| {
                    Refusal::new(
                        RefusalCode::NotFound,
                        format!("there is no project `{wanted}` that you can see"),
                        "ask an administrator for a role in it",
                    )
                    .at("project")
                })?
            }
            None => match seen.as_slice() {
                [(only, _)] => *only,
                [] => {
                    return Err(EngineError::refuse(
                        RefusalCode::Forbidden,
                        "you have no role in any project",
                        "ask an administrator for one",
                    ));
                }
                many => {
                    let names: Vec<&str> = many.iter().map(|(_, name)| *name).collect();
                    return Err(Refusal::new(
                        RefusalCode::InvalidInput,
                        format!("name a project: {}", names.join(", ")),
                        "give the argument `project`",
                    )
                    .at("project")
                    .into());
                }
            },
        };
        Ok(Session { engine: self.clone(), caller: caller.clone(), project: chosen })
    }

    /// A caller in the project of something that was found by its id.
    ///
    /// # Errors
    /// `NOT_FOUND` when the caller has no role there: what one may not see is not there.
    pub fn session_of(&self, caller: &Caller, project: ProjectId) -> Result<Session, EngineError> {
        if caller.roles(project).is_empty() {
            return Err(Refusal::not_found("thing", "with this id").into());
        }
        Ok(Session { engine: self.clone(), caller: caller.clone(), project })
    }

    /// Strata itself in a project: background work. It may do what an operator may, and approves nothing.
    pub(crate) fn system_session(&self, project: ProjectId, cause: Option<String>) -> Session {
        let caller = Caller {
            actor: Actor::system(),
            bindings: vec![(project, String::new(), Role::Operator)],
            cause,
        };
        Session { engine: self.clone(), caller, project }
    }
}

impl Session {
    /// The project.
    #[must_use]
    pub const fn project_id(&self) -> ProjectId {
        self.project
    }

    /// Who asks.
    #[must_use]
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The present instant, for judging what is shown.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.engine.clock().now()
    }

    /// Refuses a caller whose roles do not include the permission.
    pub(crate) fn permit(&self, permission: Permission) -> Result<(), EngineError> {
        let roles = self.caller.roles(self.project);
        if roles.iter().any(|role| role.allows(permission)) {
            return Ok(());
        }
        let needed: Vec<&str> =
            Role::ALL.iter().filter(|role| role.allows(permission)).map(|role| role.as_str()).collect();
        Err(EngineError::refuse(
            RefusalCode::Forbidden,
            format!("{} may not do this here", self.caller.actor.name),
            format!("it needs the role {}; ask an administrator", needed.join(" or ")),
        ))
    }

    /// Queries of this project.
    pub(crate) fn rows(&self) -> Scoped<'_> {
        self.engine.store().project(self.project)
    }

    /// A ledger for this caller inside a transaction.
    pub(crate) fn ledger<'t>(&'t self, tx: &'t Tx) -> Ledger<'t> {
        Ledger::new(tx, self.project, &self.caller.actor, self.caller.cause.as_deref())
    }

    /// Audits a mutation inside its transaction.
    pub(crate) async fn note(
        &self,
        tx: &Tx,
        operation: &str,
        subject: String,
        reason: Option<String>,
    ) -> Result<(), EngineError> {
        let entry = AuditEntry { operation: operation.to_owned(), subject, outcome: "OK".to_owned(), reason };
        tx.audit_append(self.project, &entry, &self.caller.actor, self.caller.cause.as_deref()).await?;
        Ok(())
    }

    /// Runs a verb; a refusal is audited too. (Success is audited by the verb, in its own transaction.)
    ///
    /// Boxed here, once for all verbs: their futures are large.
    pub(crate) fn audited<'a, T: Send + 'a>(
        &'a self,
        permission: Permission,
        operation: &'static str,
        subject: impl Into<String>,
        verb: impl Future<Output = Result<T, EngineError>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, EngineError>> {
        let subject = subject.into();
        Box::pin(async move {
            let result = match self.permit(permission) {
                Ok(()) => verb.await,
                Err(error) => Err(error),
            };
            if let Err(error) = &result {
                self.note_refused(operation, subject, error).await;
            }
            result
        })
    }

    async fn note_refused(&self, operation: &'static str, subject: String, error: &EngineError) {
        let entry = AuditEntry {
            operation: operation.to_owned(),
            subject,
            outcome: error.code().to_owned(),
            reason: None,
        };
        let (session, cause) = (self.clone(), self.caller.cause.clone());
        let written = self
            .engine
            .store()
            .write(move |tx| {
                Box::pin(async move {
                    tx.audit_append(session.project, &entry, &session.caller.actor, cause.as_deref()).await
                })
            })
            .await;
        if let Err(error) = written {
            tracing::error!(%error, operation, "a refused operation could not be audited");
        }
    }
}
