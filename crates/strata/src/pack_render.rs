//! `strata pack render`: what a pack renders, without a server.
//!
//! A chart is rendered by itself, see `chart_render`. A pack is the only layer of a cluster that nobody ever reached: no facts beyond the Kubernetes version given, no
//! variables, and generated values that are the same at every call. For a pack of an infrastructure layer the cluster is one
//! of Cluster API, with one machine for its control plane and a pool of two workers.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    str::FromStr as _,
};

use serde_json::{Map, Value};

use strata_cli::arguments::Format;
use strata_model::{
    Timestamp,
    cluster::Infrastructure,
    composition::{Attachment, Composition, ControlPlane, NodePool},
    diagnostic::Diagnostic,
    fact::Facts,
    id::{ClusterId, InstallationId, ProfileId},
    pack::{PackFiles, PackReference},
    profile::{
        ClusterName, ConflictPolicy, ImmutablePolicy, Layer, LayerName, OrphanPolicy, PresetChoice,
        ProfileContent, ProfileName, ProfileType, RevisionReference,
    },
    version::{KubernetesVersion, Version},
};
use strata_render::{
    ClusterIdentity, LayerSeed, RenderInput,
    chart::{self, DefaultFacts},
    load_pack, render, resolve_layers,
    template::FactReader as _,
};
use uuid::Uuid;

use crate::{arguments::RenderArguments, chart_render, exit::Failed, program::write_out};

/// What packs are rendered for where nothing is said.
const KUBE_VERSION: &str = "1.33.0";

/// Renders and prints.
///
/// # Errors
/// When a file cannot be read, or the pack has problems.
pub(crate) fn run(arguments: &RenderArguments, format: Format) -> Result<(), Failed> {
    if chart_render::is_chart(&arguments.path)? {
        return chart_render::run(arguments, format);
    }
    let files = read(&arguments.path)?;
    let name = arguments.path.display();
    let problems = |what: &'static str| {
        let message = format!("{name} {what}");
        move |problems: Vec<Diagnostic>| Failed::Pack { message, problems }
    };
    let loaded = load_pack(&files).map_err(problems("is not a pack"))?;
    for warning in &loaded.warnings {
        eprintln!("warning: {warning}");
    }
    let pack = loaded.pack;
    let settings = |message: String, help| Failed::Settings { message, help };
    let layer_name = LayerName::from_str("pack").map_err(|error| settings(error.to_string(), ""))?;
    let layer = Layer {
        name: layer_name.clone(),
        kind: pack.layer,
        pack: PackReference {
            name: pack.name.clone(),
            version: pack.version.clone(),
            digest: strata_render::pack_digest(&pack),
        },
        values: values(arguments)?,
        presets: presets(&arguments.presets)?,
        install_priority: None,
        namespace: arguments.namespace.clone(),
        on_conflict: ConflictPolicy::default(),
        on_immutable: ImmutablePolicy::default(),
        orphan_policy: OrphanPolicy::default(),
    };
    let content = ProfileContent { layers: vec![layer], variables: Vec::new() };
    let revision = RevisionReference {
        profile: ProfileName::from_str("pack").map_err(|error| settings(error.to_string(), ""))?,
        version: Version::from_str("0.0.0").map_err(|error| settings(error.to_string(), ""))?,
        revision: 1,
    };
    let version = KubernetesVersion::from_str(arguments.kube_version.as_deref().unwrap_or(KUBE_VERSION))
        .map_err(|error| settings(error.to_string(), "write it like 1.33.0"))?;
    let provisioned = content.layers[0].kind.is_infrastructure();
    let infrastructure = if provisioned {
        Infrastructure::ClusterApi {
            management_cluster: ClusterId::new(Uuid::nil()),
            namespace: "default".to_owned(),
            name: "local".to_owned(),
        }
    } else {
        Infrastructure::None
    };
    let machines = |replicas| NodePool { name: "workers".to_owned(), replicas, attributes: BTreeMap::new() };
    let composition = Composition {
        control_plane: provisioned.then(|| ControlPlane { replicas: 1, attributes: BTreeMap::new() }),
        node_pools: provisioned.then(|| machines(2)).into_iter().collect(),
        attachments: vec![Attachment {
            profile_id: ProfileId::new(Uuid::nil()),
            profile_type: if provisioned { ProfileType::Infra } else { ProfileType::Addon },
            revision: revision.clone(),
            content_digest: content.digest(),
        }],
        ..Composition::default()
    };
    let packs = BTreeMap::from([(content.layers[0].pack.digest.clone(), pack)]);
    let contents = BTreeMap::from([(revision, content)]);
    let layers = resolve_layers(&composition, &contents, &packs).map_err(problems("cannot be used"))?;
    let cluster = ClusterIdentity {
        id: ClusterId::new(Uuid::nil()),
        name: ClusterName::from_str("local").map_err(|error| settings(error.to_string(), ""))?,
        project: "default".to_owned(),
        installation: InstallationId::new(Uuid::nil()),
        infrastructure,
    };
    let served = DefaultFacts::new().with_api_versions(&arguments.api_versions).api_versions();
    let facts = Facts {
        kubernetes_version: Some(version),
        api_versions: served.into_iter().collect(),
        cluster_name: "local".to_owned(),
        ..Facts::default()
    };
    let seeds = BTreeMap::from([(layer_name, LayerSeed { seed: [0; 32], instant: Timestamp::UNIX_EPOCH })]);
    let (secrets, macros) = (BTreeMap::new(), BTreeMap::new());
    let input = RenderInput {
        cluster: &cluster,
        composition: &composition,
        layers: &layers,
        secrets: &secrets,
        macros: &macros,
        facts: &facts,
        seeds: &seeds,
    };
    let rendered = render(&input).map_err(problems("does not render"))?;
    for warning in &rendered.warnings {
        eprintln!("warning: {warning}");
    }
    let hooks = rendered.hooks.into_iter().map(|hook| hook.object);
    write_objects(rendered.objects.into_iter().chain(hooks).map(|object| object.body).collect(), format);
    Ok(())
}

/// Prints objects: one JSON array, or a stream of YAML documents.
pub(crate) fn write_objects(bodies: Vec<Value>, format: Format) {
    let text = match format {
        Format::Json => format!("{:#}\n", Value::from(bodies)),
        Format::Table | Format::Yaml => {
            let documents =
                bodies.iter().map(|body| format!("---\n{}\n", strata_values::emit(body).trim_end()));
            documents.collect()
        }
    };
    write_out(&text);
}

fn read(path: &Path) -> Result<PackFiles, Failed> {
    let failed = |error: strata_registry::RegistryError| Failed::Pack {
        message: format!("{}: {error}", path.display()),
        problems: Vec::new(),
    };
    if path.is_file() {
        let archive = std::fs::read(path).map_err(|source| Failed::File {
            operation: "read",
            path: path.display().to_string(),
            source,
        })?;
        return strata_registry::read_archive(&archive).map_err(failed);
    }
    strata_registry::read_folder(path).map_err(failed)
}

/// The text of a layer's values: that of the one file, or what files and flags say together.
fn values(arguments: &RenderArguments) -> Result<String, Failed> {
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
pub(crate) fn merged_values(files: &[PathBuf]) -> Result<Map<String, Value>, Failed> {
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

fn presets(texts: &[String]) -> Result<Vec<PresetChoice>, Failed> {
    let choice = |text: &String| {
        let (group, name) = text.split_once('=').ok_or_else(|| Failed::Settings {
            message: format!("`{text}` chooses no preset"),
            help: "write it like group=name; `strata pack show` lists them",
        })?;
        Ok(PresetChoice { group: group.to_owned(), name: name.to_owned() })
    };
    texts.iter().map(choice).collect()
}
