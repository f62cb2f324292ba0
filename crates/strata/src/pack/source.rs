//! What lies at a path: a pack, or a Helm chart.

use std::{fs, path::Path};
use strata_cli::output::write_error;

use strata_model::{
    diagnostic::Diagnostic,
    pack::{CHART_FILE, ContentKind, PACK_FILE, Pack},
};
use strata_registry::{Tally, Usage, list_packs, read_files, read_pack, read_tgz};
use strata_render::{
    Adopted, adopt,
    chart::{CHART_BUDGET, Chart},
    load_pack,
};

use crate::exit::Failed;

/// What lies there.
pub(super) enum Source {
    Chart(Box<Chart>),
    Pack(Box<Pack>),
}

/// Reads a pack, a chart, or plain manifests, which are a pack of a version of their own; warnings go to standard error.
///
/// # Errors
/// When the path cannot be read, or holds neither.
pub(super) fn open(path: &Path) -> Result<Source, Failed> {
    let refused = |problems| Failed::Pack { message: format!("{} is not a pack", path.display()), problems };
    if is_chart(path)? {
        let refused =
            |problems| Failed::Pack { message: format!("{} is not a chart", path.display()), problems };
        return load(path)?.map(|chart| Source::Chart(Box::new(chart))).map_err(refused);
    }
    let failed = |error: strata_registry::RegistryError| Failed::Pack {
        message: format!("{}: {error}; {}", path.display(), error.help()),
        problems: Vec::new(),
    };
    let mut sources = list_packs(path).map_err(failed)?.packs;
    if sources.len() > 1 || sources.iter().any(|source| source.path != path) {
        return Err(Failed::Settings {
            message: format!("{} is a folder of packs", path.display()),
            help: "name one of them",
        });
    }
    let files = read_pack(path).map_err(failed)?;
    let mut said = Adopted::default();
    if ContentKind::of(&files) == Some(ContentKind::Manifests) {
        said.name = sources.pop().map(|source| source.name);
        said.version = Some("0.0.0".to_owned());
    }
    let loaded = adopt(files, &said).and_then(|files| load_pack(&files)).map_err(refused)?;
    for warning in &loaded.warnings {
        write_error(format_args!("warning: {warning}"), "\n");
    }
    Ok(Source::Pack(Box::new(loaded.pack)))
}

/// Whether a path holds a chart rather than a pack.
fn is_chart(path: &Path) -> Result<bool, Failed> {
    if path.is_dir() {
        return Ok(path.join(CHART_FILE).is_file() && !path.join(PACK_FILE).is_file());
    }
    let bytes = read(path)?;
    // A pack may hold charts, so only what lies at the root or in one folder says what it is.
    let outer = |names: &[&str]| {
        names.len() <= 2 && names.last().is_some_and(|name| [CHART_FILE, PACK_FILE].contains(name))
    };
    let mut usage = Usage::default();
    // What is no archive is told by whoever reads it next.
    let Ok(files) = read_tgz(&bytes, Tally::new(&CHART_BUDGET, &mut usage, outer)) else { return Ok(false) };
    let holds = |file: &str| files.keys().any(|path| path.rsplit('/').next() == Some(file));
    Ok(holds(CHART_FILE) && !holds(PACK_FILE))
}

fn load(path: &Path) -> Result<Result<Chart, Vec<Diagnostic>>, Failed> {
    if path.is_file() {
        return Ok(Chart::from_archive(&read(path)?));
    }
    let mut usage = Usage::default();
    let wanted = |names: &[&str]| names.first() != Some(&".git");
    let files = read_files(path, Tally::new(&CHART_BUDGET, &mut usage, wanted)).map_err(|error| {
        Failed::Pack { message: format!("{}: {error}", path.display()), problems: Vec::new() }
    })?;
    Ok(Chart::from_files(&files))
}

fn read(path: &Path) -> Result<Vec<u8>, Failed> {
    fs::read(path).map_err(|source| Failed::File {
        operation: "read",
        path: path.display().to_string(),
        source,
    })
}
