//! Macros: set and deleted. No cluster changes by that: what runs with another value has a pending update.

use strata_model::{
    access::Permission,
    error::{Refusal, RefusalCode},
    macros::{InvalidMacroName, MacroName},
    secret::{SecretText, is_mask},
    variable::VariableValue,
};
use strata_store::{Optional as _, Tx, Used};

use crate::{error::EngineError, reads::MacroRecord, session::Session};

/// How many macros a project may have. All are read whenever something is planned.
const MACRO_LIMIT: u64 = 1000;
/// Largest value of a macro, in bytes.
const VALUE_LIMIT: usize = 64 * 1024;
/// Longest description, in bytes.
const DESCRIPTION_LIMIT: usize = 4096;
/// How many users a refusal names at most.
const NAMED_USERS: usize = 20;
/// How many drafts and revisions are looked at for it.
const NAMED_PROFILES: u64 = 500;

/// What a macro shall be.
#[derive(Debug, Clone)]
pub struct SetMacro {
    /// Its name.
    pub name: String,
    /// What it stands for.
    pub value: SecretText,
    /// Whether the value is a secret; as it was when left out.
    pub sensitive: Option<bool>,
    /// What it is for; as it was when left out.
    pub description: Option<String>,
    /// The generation that was read; 0 for one that must be new. Whatever it is when left out.
    pub expected_generation: Option<i64>,
}

impl Session {
    /// Makes a macro of this project, or gives it another value. What runs with the former one keeps it until a change.
    ///
    /// # Errors
    /// `FORBIDDEN`, `INVALID_INPUT`, `CONFLICT` when somebody else edited it, `LIMIT_EXCEEDED`.
    pub async fn set_macro(&self, set: SetMacro) -> Result<MacroRecord, EngineError> {
        let session = self.clone();
        let subject = format!("macro/{}", set.name);
        self.audited(Permission::Author, "setMacro", subject.clone(), async move {
            let name = macro_name(&set.name)?;
            refuse_value(&set)?;
            let engine = session.engine.clone();
            engine
                .store()
                .try_write(move |tx| {
                    Box::pin(async move {
                        let rows = tx.project(session.project);
                        let there = rows.macro_by_name(&name).await.optional()?;
                        let there = there.filter(|there| there.project == session.project);
                        if there.is_none() && rows.macro_count().await? >= MACRO_LIMIT {
                            return Err(EngineError::refuse(
                                RefusalCode::LimitExceeded,
                                format!("a project sees at most {MACRO_LIMIT} macros"),
                                "delete those that nothing uses",
                            ));
                        }
                        // A secret stays one until somebody says otherwise.
                        let was = there.is_some_and(|there| there.value.secret().is_some());
                        let value = if set.sensitive.unwrap_or(was) {
                            VariableValue::Sensitive(tx.secret_put(session.project, &set.value).await?)
                        } else {
                            VariableValue::Plain(set.value.expose().to_owned())
                        };
                        let kept = tx
                            .macro_set(
                                session.project,
                                &name,
                                &value,
                                set.description.as_deref(),
                                set.expected_generation,
                                &session.caller.actor,
                            )
                            .await?;
                        session.note(tx, "setMacro", subject, None).await?;
                        Ok(session.shown_macro(kept))
                    })
                })
                .await
        })
        .await
    }

    /// Deletes a macro of this project that nothing uses.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `IN_USE` with the names of profile versions and clusters.
    pub async fn delete_macro(&self, name: String) -> Result<MacroRecord, EngineError> {
        let session = self.clone();
        let subject = format!("macro/{name}");
        self.audited(Permission::Author, "deleteMacro", subject.clone(), async move {
            let name = macro_name(&name)?;
            let engine = session.engine.clone();
            engine
                .store()
                .try_write(move |tx| {
                    Box::pin(async move {
                        let found = tx.project(session.project).macro_by_name(&name).await?;
                        if found.project != session.project {
                            return Err(EngineError::refuse(
                                RefusalCode::Forbidden,
                                format!("the macro `{name}` belongs to the shared project"),
                                "delete it there",
                            ));
                        }
                        session.refuse_macro_in_use(tx, &name).await?;
                        tx.macro_delete(&found).await?;
                        session.note(tx, "deleteMacro", subject, None).await?;
                        Ok(session.shown_macro(found))
                    })
                })
                .await
        })
        .await
    }

    /// Drafts, newest revisions, and clusters that run with its value are users. Where the shared project has one of the same name,
    /// that one takes its place, as another value would.
    async fn refuse_macro_in_use(&self, tx: &Tx, name: &MacroName) -> Result<(), EngineError> {
        let rows = tx.project(self.project);
        let shared = self.engine.store().installation().shared_project;
        if self.project != shared && tx.project(shared).macro_by_name(name).await.optional()?.is_some() {
            return Ok(());
        }
        let mut users: Vec<String> = Vec::new();
        for found in rows.profiles_using(Used::Macro(name), NAMED_PROFILES).await? {
            let newest = match found.revision {
                None => true,
                Some(number) => {
                    let newest = rows.revision_find(&found.profile, &found.version, None).await?;
                    newest.record.number == number
                }
            };
            let user = format!("{}@{}", found.profile, found.version);
            if newest && !users.contains(&user) && users.len() < NAMED_USERS {
                users.push(user);
            }
        }
        let clusters = rows.clusters_with_macro(name, u64::try_from(NAMED_USERS).unwrap_or(u64::MAX)).await?;
        users.extend(clusters.iter().map(|cluster| format!("cluster {cluster}")));
        if self.project == shared {
            match rows.shared_macro_users(name).await? {
                0 => {}
                count => users.push(format!("{count} clusters of other projects")),
            }
        }
        if users.is_empty() {
            return Ok(());
        }
        Err(EngineError::refuse(
            RefusalCode::InUse,
            format!("the macro `{name}` is named by {}", users.join(", ")),
            "publish versions without the reference, bring the clusters to them, and delete or revise the versions named",
        ))
    }
}

fn macro_name(text: &str) -> Result<MacroName, EngineError> {
    text.parse().map_err(|error: InvalidMacroName| {
        Refusal::new(RefusalCode::InvalidInput, error.to_string(), "choose such a name").at("name").into()
    })
}

fn refuse_value(set: &SetMacro) -> Result<(), EngineError> {
    let refuse = |message: &str, help: &str| -> Result<(), EngineError> {
        Err(Refusal::new(RefusalCode::InvalidInput, message, help).at("value").into())
    };
    let text = set.value.expose();
    if set.description.as_ref().is_some_and(|description| description.len() > DESCRIPTION_LIMIT) {
        let message = format!("the description has more than {DESCRIPTION_LIMIT} bytes");
        return Err(Refusal::new(RefusalCode::InvalidInput, message, "say less").at("description").into());
    }
    if text.len() > VALUE_LIMIT {
        return refuse(&format!("the value has more than {VALUE_LIMIT} bytes"), "put long texts into a pack");
    }
    if is_mask(text) {
        return refuse(
            "the value is the mask of a secret",
            "give the secret itself, or leave the macro as it is",
        );
    }
    if strata_render::has_reference(text) {
        return refuse(
            "the value holds a reference itself",
            "references do not nest: write out what is meant",
        );
    }
    Ok(())
}
