//! `import-values`: values of subcharts that their parents take as their own.
//!
//! *Idea.* From the innermost charts outwards, the values of every chart that declares dependencies become: its own, with
//! those of its subcharts filled in below their names, and under these the imported ones. Nulls are kept for the user's
//! values to meet them later.

use super::{
    coalesce::{Notes, Nulls, coalesce, copy_map, merge, table},
    tree::Node,
};
use crate::template::{Map, Value};

/// Deepest path of a parent.
const MAX_DEPTH: usize = 64;

/// Imports values in a whole tree.
pub(super) fn import(node: &mut Node<'_>, notes: &mut Notes) -> Result<(), String> {
    for child in &mut node.children {
        import(child, notes)?;
    }
    let Some(declared) = &node.declared else { return Ok(()) };
    let own = coalesce(node, &Map::empty(), Nulls::Keep, &mut Notes::default())?;
    let imported = Map::empty();
    for dependency in declared {
        for import in &dependency.import_values {
            let path = format!("{}.{}", dependency.name, import.child);
            let Some(child) = table(&own, &path) else {
                notes.0.push(format!("`{path}` is to be imported and is no mapping"));
                continue;
            };
            let wrapped = wrapped(&import.parent, child).ok_or_else(|| {
                format!("the path `{}` to import to is too deep", shortened(&import.parent))
            })?;
            merge(&imported, &wrapped, "", Nulls::Keep, &mut Notes::default());
        }
    }
    let own = copy_map(&own);
    merge(&own, &imported, "", Nulls::Keep, &mut Notes::default());
    node.values = own;
    Ok(())
}

fn shortened(path: &str) -> String {
    path.chars().take(60).collect()
}

/// The values below a path; none if it is too deep.
fn wrapped(path: &str, values: Map) -> Option<Map> {
    if path == "." {
        return Some(values);
    }
    if path.split('.').count() > MAX_DEPTH {
        return None;
    }
    Some(path.rsplit('.').fold(values, |inner, key| {
        let outer = Map::empty();
        outer.set(key, Value::Map(inner));
        outer
    }))
}
