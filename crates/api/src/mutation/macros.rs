//! Macros: set and deleted.

use std::fmt;

use async_graphql::{Context, InputObject, Object};
use strata_engine::SetMacro;
use strata_model::secret::SecretText;

use super::payload::payloads;
use crate::{context::session, types::macros::Macro};

payloads! {
    /// What `setMacro` did.
    SetMacroPayload { r#macro: Macro };
    /// What `deleteMacro` did.
    DeleteMacroPayload { r#macro: Macro };
}

/// What a macro shall be.
#[derive(InputObject)]
pub struct SetMacroInput {
    /// The project; may be left out when the token sees one only.
    project: Option<String>,
    /// Its name.
    name: String,
    /// What it stands for.
    value: String,
    /// Whether the value is a secret; as it was when left out.
    sensitive: Option<bool>,
    /// What it is for; as it was when left out.
    description: Option<String>,
    /// The generation that was read, 0 for a macro that must be new; whatever it is when left out.
    expected_generation: Option<i64>,
}

impl fmt::Debug for SetMacroInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetMacroInput").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Which macro to delete.
#[derive(Debug, InputObject)]
pub struct DeleteMacroInput {
    /// The project; may be left out when the token sees one only.
    project: Option<String>,
    /// Its name.
    name: String,
}

/// Mutations of macros.
#[derive(Debug, Default)]
pub struct MacroMutation;

#[Object]
impl MacroMutation {
    /// Makes a macro, or gives it another value. Clusters keep the former one as a pending update, until a change.
    async fn set_macro(
        &self,
        ctx: &Context<'_>,
        input: SetMacroInput,
    ) -> async_graphql::Result<SetMacroPayload> {
        let outcome = async {
            let session = session(ctx, input.project.as_deref())?;
            let set = SetMacro {
                name: input.name,
                value: SecretText::new(input.value),
                sensitive: input.sensitive,
                description: input.description,
                expected_generation: input.expected_generation,
            };
            let record = session.set_macro(set).await?;
            Ok(Macro::new(session, record))
        };
        SetMacroPayload::of(outcome.await)
    }

    /// Deletes a macro that nothing uses.
    async fn delete_macro(
        &self,
        ctx: &Context<'_>,
        input: DeleteMacroInput,
    ) -> async_graphql::Result<DeleteMacroPayload> {
        let outcome = async {
            let session = session(ctx, input.project.as_deref())?;
            let record = session.delete_macro(input.name).await?;
            Ok(Macro::new(session, record))
        };
        DeleteMacroPayload::of(outcome.await)
    }
}
