//! What the tests of rendering share: the example packs, and compositions of them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]
#![allow(dead_code, unreachable_pub, reason = "no test file uses all of them")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use strata_model::{
    Timestamp,
    cluster::Infrastructure,
    composition::{Attachment, Composition, ControlPlane, NodePool},
    diagnostic::Diagnostic,
    digest::Digest,
    fact::Facts,
    field_trace::FieldTrace,
    id::{ClusterId, InstallationId, ProfileId},
    object::{Destination, ObjectKey},
    overrides::{LayerOverride, OverrideSource, Patch},
    pack::{Pack, PackFiles, PackReference},
    profile::{Layer, LayerName, PresetChoice, ProfileContent, ProfileType, RevisionReference},
    render::{Render, RenderedObject},
    secret::{Fingerprint, SecretText},
    value_path::ValuePath,
};
use strata_render::{ClusterIdentity, Field, LayerSeed, RenderInput, load_pack, render, resolve_layers};
use uuid::Uuid;

pub fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// The folder of the example packs.
pub fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/examples/packs")
}

/// One of the packs under `deploy/examples/packs`.
pub fn example(folder: &str) -> Pack {
    let root = examples().join(folder);
    let mut files = PackFiles::new();
    for place in [root.clone(), root.join("manifests")] {
        for entry in fs::read_dir(place).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(path).unwrap());
            }
        }
    }
    let loaded = load_pack(&files).unwrap_or_else(|problems| panic!("{folder}: {problems:#?}"));
    assert_eq!(loaded.warnings, [], "{folder}");
    loaded.pack
}

/// A pack of these files; `pack.json` and `values.yaml` are made if they are not given.
pub fn files(entries: &[(&str, &str)]) -> PackFiles {
    let mut files = PackFiles::from([
        (
            "pack.json".to_owned(),
            br#"{"name":"app","displayName":"App","version":"1.0.0","layer":"addon"}"#.to_vec(),
        ),
        ("values.yaml".to_owned(), Vec::new()),
    ]);
    for (path, text) in entries {
        files.insert((*path).to_owned(), text.as_bytes().to_vec());
    }
    files
}

pub fn pack(entries: &[(&str, &str)]) -> Pack {
    load_pack(&files(entries)).unwrap_or_else(|problems| panic!("{problems:#?}")).pack
}

pub fn layer(name: &str, pack: &Pack) -> Layer {
    Layer {
        name: name.parse().unwrap(),
        kind: pack.layer,
        pack: PackReference { name: pack.name.clone(), version: pack.version.clone(), digest: pack.digest() },
        values: String::new(),
        presets: Vec::new(),
        manifests: Vec::new(),
        install_priority: None,
        namespace: None,
        on_conflict: strata_model::profile::ConflictPolicy::default(),
        on_immutable: strata_model::profile::ImmutablePolicy::default(),
        orphan_policy: strata_model::profile::OrphanPolicy::default(),
    }
}

pub fn with_values(mut layer: Layer, values: &str) -> Layer {
    values.clone_into(&mut layer.values);
    layer
}

pub fn with_preset(mut layer: Layer, group: &str, name: &str) -> Layer {
    layer.presets.push(PresetChoice { group: group.to_owned(), name: name.to_owned() });
    layer
}

pub fn revision(profile: &str, version: &str) -> RevisionReference {
    RevisionReference { profile: profile.parse().unwrap(), version: version.parse().unwrap(), revision: 1 }
}

/// All that a render takes in, owned.
pub struct Scene {
    pub cluster: ClusterIdentity,
    pub composition: Composition,
    pub contents: BTreeMap<RevisionReference, ProfileContent>,
    pub packs: BTreeMap<Digest, Pack>,
    pub secrets: BTreeMap<Fingerprint, SecretText>,
    pub facts: Facts,
    pub seed: [u8; 32],
}

impl Scene {
    pub fn new(infrastructure: Infrastructure) -> Self {
        Self {
            cluster: ClusterIdentity {
                id: ClusterId::new(uuid(0xc1)),
                name: "edge-1".parse().unwrap(),
                project: "default".to_owned(),
                installation: InstallationId::new(uuid(0x5)),
                infrastructure,
            },
            composition: Composition::default(),
            contents: BTreeMap::new(),
            packs: BTreeMap::new(),
            secrets: BTreeMap::new(),
            facts: Facts { cluster_name: "edge-1".to_owned(), ..Facts::default() },
            seed: [7; 32],
        }
    }

    pub fn imported() -> Self {
        let mut scene = Self::new(Infrastructure::None);
        scene.facts.kubernetes_version = Some("v1.33.2".parse().unwrap());
        scene
    }

    pub fn provisioned() -> Self {
        let mut scene = Self::new(Infrastructure::ClusterApi {
            management_cluster: ClusterId::new(uuid(0xa)),
            namespace: "fleet".to_owned(),
            name: "edge-1".to_owned(),
        });
        let pool =
            |name: &str, replicas| NodePool { name: name.to_owned(), replicas, attributes: BTreeMap::new() };
        scene.composition.control_plane = Some(ControlPlane { replicas: 3, attributes: BTreeMap::new() });
        scene.composition.node_pools = vec![pool("small", 2), pool("large", 1)];
        scene
    }

    pub fn attach(&mut self, profile: &str, version: &str, layers: Vec<(Layer, Pack)>) {
        self.attach_content(profile, version, layers, ProfileContent::default());
    }

    pub fn attach_content(
        &mut self,
        profile: &str,
        version: &str,
        layers: Vec<(Layer, Pack)>,
        mut content: ProfileContent,
    ) {
        for (layer, pack) in layers {
            self.packs.insert(pack.digest(), pack);
            content.layers.push(layer);
        }
        let revision = revision(profile, version);
        self.composition.attachments.push(Attachment {
            profile_id: ProfileId::new(uuid(1)),
            profile_type: ProfileType::Full,
            revision: revision.clone(),
            content_digest: content.digest(),
        });
        self.contents.insert(revision, content);
    }

    pub fn override_layer(&mut self, layer: &str, patch: Patch) {
        self.composition.overrides.push(OverrideSource::Cluster {
            layers: vec![LayerOverride {
                layer: layer.parse().unwrap(),
                patch,
                author: "ada".to_owned(),
                at: Timestamp::UNIX_EPOCH,
            }],
        });
    }

    pub fn render(&self) -> Result<Render, Vec<Diagnostic>> {
        self.with_input(render)?
    }

    /// Calls something with all that a render takes in.
    pub fn with_input<T>(&self, then: impl FnOnce(&RenderInput<'_>) -> T) -> Result<T, Vec<Diagnostic>> {
        let layers = resolve_layers(&self.composition, &self.contents, &self.packs)?;
        let seed = LayerSeed { seed: self.seed, instant: Timestamp::UNIX_EPOCH };
        let seeds: BTreeMap<LayerName, LayerSeed> =
            layers.iter().map(|layer| (layer.layer.name.clone(), seed.clone())).collect();
        Ok(then(&RenderInput {
            cluster: &self.cluster,
            composition: &self.composition,
            layers: &layers,
            secrets: &self.secrets,
            facts: &self.facts,
            seeds: &seeds,
        }))
    }

    pub fn rendered(&self) -> Render {
        self.render().unwrap_or_else(|problems| panic!("{problems:#?}"))
    }

    /// Where a field of an object on the cluster itself comes from.
    pub fn trace(&self, object: &ObjectKey, path: &ValuePath) -> Result<FieldTrace, Vec<Diagnostic>> {
        let rendered = self.rendered();
        let field = Field { destination: Destination::Workload, object, path };
        self.with_input(|input| strata_render::trace(input, &rendered, field, &|| true))?
    }
}

/// One layer `app` of one pack of these files on an imported cluster.
pub fn single(entries: &[(&str, &str)], values: &str) -> Scene {
    let pack = pack(entries);
    let mut scene = Scene::imported();
    scene.attach("apps", "1.0.0", vec![(with_values(layer("app", &pack), values), pack)]);
    scene
}

/// `destination key`, in order.
pub fn keys(render: &Render) -> Vec<String> {
    render.objects.iter().map(key).collect()
}

fn key(object: &RenderedObject) -> String {
    let destination = if object.destination == Destination::Management { "M" } else { "W" };
    format!("{destination} {}", object.key)
}

/// The body of the object that is shown so.
pub fn body<'r>(render: &'r Render, shown: &str) -> &'r Value {
    let found = render.objects.iter().find(|object| object.key.to_string() == shown);
    &found.unwrap_or_else(|| panic!("no {shown} in {:#?}", keys(render))).body
}
