//! Payloads: what a mutation did, or what the caller has to mend.

use strata_engine::EngineError;

use crate::types::scalar::DigestText;

/// What came of a verb, and the digest of the plan as it is now, when the one that was seen is stale.
pub(super) struct Outcome<T> {
    pub(super) result: Result<T, EngineError>,
    pub(super) current: Option<DigestText>,
}

impl<T> From<Result<T, EngineError>> for Outcome<T> {
    fn from(result: Result<T, EngineError>) -> Self {
        Self { result, current: None }
    }
}

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
            pub(super) fn of<O: Into<$crate::mutation::payload::Outcome<$type>>>(
                outcome: O,
            ) -> async_graphql::Result<Self> {
                let $crate::mutation::payload::Outcome { result, current } = outcome.into();
                Ok(match result {
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
