//! Payloads: what a mutation did, or what the caller has to mend.

/// Defines payload types that hold one thing and the errors.
macro_rules! payloads {
    ($($(#[$doc:meta])* $payload:ident { $thing:ident: $type:ty };)*) => {$(
        $(#[$doc])*
        #[derive(Debug, async_graphql::SimpleObject)]
        pub struct $payload {
            /// What was done; none when there are errors.
            pub $thing: Option<$type>,
            /// What the caller has to mend.
            pub errors: Vec<$crate::error::UserError>,
        }

        impl $payload {
            pub(super) fn of(outcome: Result<$type, strata_engine::EngineError>) -> async_graphql::Result<Self> {
                Self::with_plan(outcome, None)
            }

            pub(super) fn with_plan(
                outcome: Result<$type, strata_engine::EngineError>,
                current: Option<$crate::types::scalar::DigestText>,
            ) -> async_graphql::Result<Self> {
                Ok(match outcome {
                    Ok(thing) => Self { $thing: Some(thing), errors: Vec::new() },
                    Err(error) => {
                        Self { $thing: None, errors: $crate::error::user_errors(error, current.as_ref())? }
                    }
                })
            }
        }
    )*};
}

pub(super) use payloads;
