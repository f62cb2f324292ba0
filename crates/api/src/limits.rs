//! Bounds on documents that the library does not have: aliases and root fields.
//!
//! Depth, complexity, recursion and directives are bounded by the library; a cheap field asked for a thousand times
//! under a thousand names is not.

use std::sync::Arc;

use async_graphql::{
    ServerError, ServerResult, Variables,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextParseQuery},
    parser::types::{ExecutableDocument, Selection, SelectionSet},
};

use crate::error::server_error;

/// How many aliases a document, and how many root fields an operation may have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) aliases: usize,
    pub(crate) root_fields: usize,
}

impl ExtensionFactory for Bounds {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(*self)
    }
}

#[async_trait::async_trait]
impl Extension for Bounds {
    async fn parse_query(
        &self,
        ctx: &ExtensionContext<'_>,
        query: &str,
        variables: &Variables,
        next: NextParseQuery<'_>,
    ) -> ServerResult<ExecutableDocument> {
        let document = next.run(ctx, query, variables).await?;
        self.check(&document)?;
        Ok(document)
    }
}

impl Bounds {
    fn check(self, document: &ExecutableDocument) -> Result<(), ServerError> {
        let fragments = document.fragments.values().map(|fragment| &fragment.node.selection_set.node);
        let operations = document.operations.iter().map(|(_, operation)| &operation.node.selection_set.node);
        let aliases: usize = operations.clone().chain(fragments).map(aliases).sum();
        if aliases > self.aliases {
            return Err(exceeded(&format!("{aliases} aliases"), self.aliases));
        }
        let roots = operations.map(|set| set.items.len()).max().unwrap_or(0);
        if roots > self.root_fields {
            return Err(exceeded(&format!("{roots} root fields"), self.root_fields));
        }
        Ok(())
    }
}

fn exceeded(found: &str, limit: usize) -> ServerError {
    server_error(
        "LIMIT_EXCEEDED",
        &format!("the document has {found}; {limit} are allowed"),
        "split it into several requests",
    )
}

/// Aliases of a selection set and all below it. The depth was bounded when the document was parsed.
fn aliases(set: &SelectionSet) -> usize {
    set.items
        .iter()
        .map(|item| match &item.node {
            Selection::Field(field) => {
                usize::from(field.node.alias.is_some()) + aliases(&field.node.selection_set.node)
            }
            Selection::InlineFragment(fragment) => aliases(&fragment.node.selection_set.node),
            Selection::FragmentSpread(_) => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    #[test]
    fn aliases_are_counted_wherever_they_stand() {
        let bounds = Bounds { aliases: 2, root_fields: 2 };
        let check = |text: &str| bounds.check(&parse_query(text).unwrap());
        assert!(check("{ a: x b: x }").is_ok());
        assert!(check("{ a: x { b: y { c: z } } }").is_err());
        assert!(check("{ a: x ...F } fragment F on T { b: y ... on U { c: z } }").is_err());
        assert!(check("{ x y z }").is_err());
    }
}
