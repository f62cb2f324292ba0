//! `strata pack render`: what a pack renders, without a server.
//!
//! The pack is the only layer of a cluster that nobody ever reached: no facts beyond the Kubernetes version given, no
//! variables, and generated values that are the same at every call. For a pack of an infrastructure layer the cluster is one
//! of Cluster API, with one machine for its control plane and a pool of two workers.

use std::{collections::BTreeMap, path::Path, str::FromStr as _};

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
use strata_render::{ClusterIdentity, LayerSeed, RenderInput, load_pack, render, resolve_layers};
use uuid::Uuid;

use crate::{arguments::RenderArguments, exit::Failed, program::write_out};

/// Renders and prints.
///
/// # Errors
/// When a file cannot be read, or the pack has problems.
pub(crate) fn run(arguments: &RenderArguments, format: Format) -> Result<(), Failed> {
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
        values: values(arguments.values.as_deref())?,
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
    let version = KubernetesVersion::from_str(&arguments.kube_version)
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
    let facts =
        Facts { kubernetes_version: Some(version), cluster_name: "local".to_owned(), ..Facts::default() };
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
    let bodies: Vec<&serde_json::Value> = rendered.objects.iter().map(|object| &object.body).collect();
    let text = match format {
        Format::Json => format!("{:#}\n", serde_json::Value::from_iter(bodies.into_iter().cloned())),
        Format::Table | Format::Yaml => {
            let documents =
                bodies.into_iter().map(|body| format!("---\n{}\n", strata_values::emit(body).trim_end()));
            documents.collect()
        }
    };
    write_out(&text);
    Ok(())
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

fn values(file: Option<&Path>) -> Result<String, Failed> {
    let Some(file) = file else { return Ok(String::new()) };
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
