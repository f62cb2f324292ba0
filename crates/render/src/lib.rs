//! Layer in, objects out: the pack format, presets, values, references, Go templates, Helm charts.
//!
//! *Idea.* [`load_pack`] turns the files of a pack into a [`strata_model::pack::Pack`]; [`layer_base`] merges what pack,
//! presets and layer say; [`resolve_layers`] finds the layers of a composition; [`render`] puts overrides and variables on
//! top, executes the templates, and gives the objects with the origin of every value.
//!
//! *Guarantees.* Pure: no I/O, no clock, no randomness. The same input gives the same bytes. Every loop ends within a
//! budget, and every problem of a text is a [`strata_model::diagnostic::Diagnostic`] with a place and a way out; all
//! problems are told at once.
//!
//! *Caveats.* Hooks of Helm charts are not objects: those that install or upgrade stand beside them, the others are named
//! in warnings and left out. Values are resolved after merging, so an override may hold references too.

mod alone;
mod assemble;
mod base;
mod capabilities;
pub mod chart;
mod conceal;
mod definitions;
pub mod functions;
mod input;
mod layer_secrets;
mod layer_values;
mod layers;
mod manifests;
mod objects;
pub mod pack;
mod pack_charts;
pub mod preset;
mod references;
mod render;
mod root;
pub mod schema;
mod scope;
mod settings;
mod stand_in;
pub mod template;
mod template_error;
mod trace;
mod variable_value;
mod variables;
mod whereabouts;
mod yaml;

pub use alone::{Alone, releases_alone, render_alone, report, written_alone};
pub use base::{LayerBase, attached_source, layer_base, mentions_macros};
pub use input::{ClusterIdentity, LayerSeed, RenderInput};
pub use layer_secrets::{check_attached, layer_secrets};
pub use layers::{ResolvedLayer, resolve_layers};
pub use manifests::pack_templates;
pub use pack::{Adopted, LoadedPack, adopt, load_pack};
pub use pack_charts::{PackRelease, pack_charts};
pub use references::{has_reference, layer_macros, macros_named, manifest_macros};
pub use render::{Unrendered, Written, render, render_asking, render_values};
pub use stand_in::{Given, render_profile, unpublished};
pub use trace::{Field, trace};
pub use variable_value::{InvalidVariableValue, judge_value, stand_in_value};
