//! What the command line says about a render: values, presets, the cluster.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use strata_model::{pack::Pack, profile::PresetChoice};
use strata_render::{
    Alone,
    chart::{self, ChartRelease, DefaultFacts},
};

use crate::{arguments::RenderArguments, exit::Failed};

/// What a pack is rendered with.
pub(super) fn alone(arguments: &RenderArguments, pack: &Pack) -> Result<Alone, Failed> {
    let version = arguments.kube_version.as_deref().map(str::parse).transpose();
    let kube_version = version.map_err(|error: strata_model::version::InvalidKubernetesVersion| {
        Failed::Settings { message: error.to_string(), help: "write it like 1.33.0" }
    })?;
    Ok(Alone {
        values: layer_values(arguments)?,
        presets: presets(&arguments.presets, pack)?,
        namespace: arguments.namespace.clone(),
        kube_version,
        api_versions: arguments.api_versions.clone(),
    })
}

/// The release that a chart is rendered as: named as by `helm template`.
pub(super) fn release(arguments: &RenderArguments) -> Result<ChartRelease, Failed> {
    if !arguments.presets.is_empty() {
        return Err(Failed::Settings {
            message: "a chart has no presets".to_owned(),
            help: "leave --preset out, or name a pack",
        });
    }
    Ok(ChartRelease::install(
        arguments.release.as_deref().unwrap_or("release-name"),
        arguments.namespace.as_deref().unwrap_or("default"),
    ))
}

/// What a chart may ask of the cluster.
pub(super) fn facts(arguments: &RenderArguments) -> DefaultFacts {
    let facts = DefaultFacts::new().with_api_versions(&arguments.api_versions);
    match &arguments.kube_version {
        Some(version) => facts.with_kube_version(version),
        None => facts,
    }
}

/// The text of a layer's values: that of the one file, or what files and flags say together.
fn layer_values(arguments: &RenderArguments) -> Result<String, Failed> {
    if let (None, [] | [_]) = (&arguments.release, arguments.values.as_slice()) {
        return arguments.values.first().map_or_else(|| Ok(String::new()), |file| read_text(file));
    }
    let mut values = merged_values(&arguments.values)?;
    if let Some(name) = &arguments.release {
        let release = serde_json::json!({ "releaseNameOverride": name });
        chart::overlay_values(&mut values, Map::from_iter([("pack".to_owned(), release)]));
    }
    Ok(strata_values::emit(&Value::Object(values)))
}

/// The values of several files; later ones win.
pub(super) fn merged_values(files: &[PathBuf]) -> Result<Map<String, Value>, Failed> {
    let mut merged = Map::new();
    for file in files {
        let name = file.display().to_string();
        let values = chart::parse_values(&read_text(file)?, &name).map_err(|problem| Failed::Pack {
            message: format!("{name} cannot be read"),
            problems: vec![problem],
        })?;
        chart::overlay_values(&mut merged, values);
    }
    Ok(merged)
}

fn read_text(file: &Path) -> Result<String, Failed> {
    std::fs::read_to_string(file).map_err(|source| Failed::File {
        operation: "read",
        path: file.display().to_string(),
        source,
    })
}

/// Presets by `group=name`, or by a name that only one of the pack has.
fn presets(texts: &[String], pack: &Pack) -> Result<Vec<PresetChoice>, Failed> {
    let choice = |text: &String| {
        if let Some((group, name)) = text.split_once('=') {
            return Ok(PresetChoice { group: group.to_owned(), name: name.to_owned() });
        }
        let mut named = pack.presets.iter().filter(|preset| preset.name == *text);
        match (named.next(), named.next()) {
            (Some(preset), None) => {
                Ok(PresetChoice { group: preset.group.clone(), name: preset.name.clone() })
            }
            (Some(_), Some(_)) => Err(Failed::Settings {
                message: format!("several presets are called `{text}`"),
                help: "say which one is meant: group=name",
            }),
            (None, _) => {
                let known: Vec<String> =
                    pack.presets.iter().map(|preset| format!("{}={}", preset.group, preset.name)).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                Err(Failed::Settings {
                    message: format!("the pack has no preset `{text}`; it has {known}"),
                    help: "name one of these",
                })
            }
        }
    };
    texts.iter().map(choice).collect()
}
