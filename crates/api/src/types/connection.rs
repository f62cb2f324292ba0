//! Relay connections: pages with opaque cursors, and a total that is counted only when it is asked for.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use async_graphql::SimpleObject;
use strata_engine::{Page, PageOf};
use strata_model::error::{Refusal, RefusalCode};

use crate::cost::{DEFAULT_PAGE, LARGEST_PAGE};

/// The page that the arguments `first` and `after` ask for.
///
/// # Errors
/// `LIMIT_EXCEEDED` for a page that is too large, or empty.
pub fn page(first: Option<u32>, after: Option<String>) -> Result<Page, Refusal> {
    let first = first.unwrap_or(DEFAULT_PAGE);
    if (1..=LARGEST_PAGE).contains(&first) {
        return Ok(Page { first, after });
    }
    Err(Refusal::new(
        RefusalCode::LimitExceeded,
        format!("a page of {first} cannot be had"),
        format!("ask for 1 to {LARGEST_PAGE} and follow `pageInfo.endCursor`"),
    )
    .at("first"))
}

/// The items of a page as nodes, with their cursors.
pub fn nodes<T, N>(page: PageOf<T>, node: impl Fn(T) -> N) -> (Vec<(String, N)>, bool) {
    (page.items.into_iter().map(|(cursor, item)| (cursor, node(item))).collect(), page.has_next)
}

/// Where a page ends.
#[derive(Debug, Clone, SimpleObject)]
pub struct PageInfo {
    /// Whether there is more behind it.
    pub has_next_page: bool,
    /// What to give as `after` for the next page.
    pub end_cursor: Option<String>,
}

type Counting = Pin<Box<dyn Future<Output = async_graphql::Result<u64>> + Send>>;

/// Counts all items of a list, when asked.
#[derive(Clone)]
pub struct Total(Arc<dyn Fn() -> Counting + Send + Sync>);

impl Total {
    /// Counts by running a query.
    pub fn new<F, Fut>(count: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = async_graphql::Result<u64>> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(count())))
    }

    /// The number.
    ///
    /// # Errors
    /// Those of the query.
    pub async fn count(&self) -> async_graphql::Result<u64> {
        (self.0)().await
    }
}

impl fmt::Debug for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Total")
    }
}

/// Defines the connection and edge types of a node type.
macro_rules! connection {
    ($($connection:ident, $edge:ident of $node:ty;)*) => {$(
        /// An item of the list, with its cursor.
        #[derive(Debug, async_graphql::SimpleObject)]
        pub struct $edge {
            /// What to give as `after` to go on behind this item.
            pub cursor: String,
            /// The item.
            pub node: $node,
        }

        /// A page of the list.
        #[derive(Debug, async_graphql::Description)]
        pub struct $connection {
            items: Vec<(String, $node)>,
            has_next: bool,
            total: $crate::types::connection::Total,
        }

        impl $connection {
            /// A page.
            pub fn new(
                (items, has_next): (Vec<(String, $node)>, bool),
                total: $crate::types::connection::Total,
            ) -> Self {
                Self { items, has_next, total }
            }
        }

        #[async_graphql::Object(use_type_description)]
        impl $connection {
            /// The items.
            async fn nodes(&self) -> Vec<$node> {
                self.items.iter().map(|(_, node)| node.clone()).collect()
            }

            /// The items with their cursors.
            async fn edges(&self) -> Vec<$edge> {
                self.items.iter().map(|(cursor, node)| $edge { cursor: cursor.clone(), node: node.clone() }).collect()
            }

            /// Where the page ends.
            async fn page_info(&self) -> $crate::types::connection::PageInfo {
                $crate::types::connection::PageInfo {
                    has_next_page: self.has_next,
                    end_cursor: self.items.last().map(|(cursor, _)| cursor.clone()),
                }
            }

            /// How many items there are in all; counted only when asked for.
            #[graphql(complexity = 10)]
            async fn total_count(&self) -> async_graphql::Result<u64> {
                self.total.count().await
            }
        }
    )*};
}

pub(crate) use connection;
