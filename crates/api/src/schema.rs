//! The schema: its roots, its limits, and its text.

use async_graphql::{SDLExportOptions, SchemaBuilder};
use strata_engine::Engine;

use crate::{
    limits::Bounds,
    mutation::Mutation,
    query::Query,
    subscription::Subscription,
    types::{
        known::Known,
        node::{Node, UserErrorTypes},
    },
};

/// The executable schema.
pub type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

/// What one operation may cost, and what it may ask.
#[derive(Debug, Clone)]
pub struct SchemaOptions {
    /// Whether clients may ask for the schema itself.
    pub introspection: bool,
    /// How deep fields may nest.
    pub depth: usize,
    /// What all fields together may cost; a list costs its page size times its items.
    pub complexity: usize,
    /// How many fields of one document may have another name than their own.
    pub aliases: usize,
    /// How many fields an operation may ask of the root.
    pub root_fields: usize,
    /// How deep selection sets and fragments may nest before anything else is looked at.
    pub recursion: usize,
    /// How many directives one field may have.
    pub directives: usize,
}

impl Default for SchemaOptions {
    fn default() -> Self {
        Self {
            introspection: true,
            depth: 15,
            complexity: 50_000,
            aliases: 50,
            root_fields: 20,
            recursion: 32,
            directives: 8,
        }
    }
}

fn builder(options: &SchemaOptions) -> SchemaBuilder<Query, Mutation, Subscription> {
    let builder = async_graphql::Schema::build(Query::default(), Mutation::default(), Subscription)
        .register_output_type::<Node>()
        .register_output_type::<UserErrorTypes>()
        .limit_depth(options.depth)
        .limit_complexity(options.complexity)
        .limit_recursive_depth(options.recursion)
        .limit_directives(options.directives)
        .extension(Bounds { aliases: options.aliases, root_fields: options.root_fields });
    if options.introspection { builder } else { builder.disable_introspection() }
}

/// The schema over an engine.
#[must_use]
pub fn build(engine: Engine, options: &SchemaOptions) -> Schema {
    builder(options).data(engine).data(Known::default()).finish()
}

/// The schema as text (SDL), for clients and their tools.
#[must_use]
pub fn sdl() -> String {
    let options = SDLExportOptions::new().use_space_ident().indent_width(2).prefer_single_line_descriptions();
    let schema = builder(&SchemaOptions::default()).finish();
    let mut text = schema.sdl_with_options(options);
    while text.ends_with('\n') {
        text.pop();
    }
    text.push('\n');
    text
}
