//! A small world for the tests of this crate.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part of it")]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use strata_model::{
    Timestamp,
    access::Actor,
    change::ChangeKind,
    cluster::{Activity, Axis, Cluster, ConnectionKind, Connectivity, Health, Infrastructure, Phase},
    composition::{Attachment, Composition},
    diagnostic::Diagnostic,
    digest::{Digest, DigestKey},
    id::{ChangeId, ClusterId, OrphanId, PrincipalId, ProfileId, ProjectId},
    inventory::InventoryEntry,
    object::{Destination, ObjectKey},
    orphan::{Orphan, OrphanState},
    pack::{Pack, PackReference},
    plan::{Action, Plan},
    profile::{
        ConflictPolicy, ImmutablePolicy, Layer, LayerKind, OrphanPolicy, ProfileContent, ProfileType,
        RevisionReference,
    },
    render::{LayerValues, Render, RenderedObject},
    secret::{Fingerprint, SecretText},
};
use strata_plan::{Applied, Composed, Contents, PlanInput, ResolvedLayer, digest, plan, reach};
use strata_values::Redactor;
use uuid::Uuid;

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

pub fn key() -> DigestKey {
    DigestKey::new([7; 32])
}

pub fn principal(number: u128) -> PrincipalId {
    PrincipalId::new(Uuid::from_u128(number))
}

pub fn change_id(number: u128) -> ChangeId {
    ChangeId::new(Uuid::from_u128(number))
}

pub fn cluster_id(number: u128) -> ClusterId {
    ClusterId::new(Uuid::from_u128(number))
}

pub fn project() -> ProjectId {
    ProjectId::new(Uuid::from_u128(1))
}

pub fn actor(number: u128) -> Actor {
    Actor { principal: Some(principal(number)), name: format!("person-{number}"), token: None }
}

pub fn revision(text: &str) -> RevisionReference {
    let (profile, version) = text.split_once('@').unwrap();
    RevisionReference { profile: profile.parse().unwrap(), version: version.parse().unwrap(), revision: 1 }
}

pub fn cluster() -> Cluster {
    Cluster {
        id: cluster_id(1),
        project: project(),
        name: "eu-1".parse().unwrap(),
        labels: BTreeMap::new(),
        infrastructure: Infrastructure::ClusterApi {
            management_cluster: cluster_id(99),
            namespace: "fleet".to_owned(),
            name: "eu-1".to_owned(),
        },
        connection: ConnectionKind::ManagementSecret,
        cloud: None,
        region: None,
        uid: None,
        kubernetes_version: Some("1.32.4".parse().unwrap()),
        applied: None,
        wanted: None,
        change: None,
        phase: Axis::new(Phase::Running, at(0), ""),
        connectivity: Axis::new(Connectivity::Online, at(0), ""),
        health: Axis::new(Health::Healthy, at(0), ""),
        activity: Axis::new(Activity::Idle, at(0), ""),
        created_at: at(0),
    }
}

/// Frozen content in memory.
#[derive(Debug, Default)]
pub struct Library {
    pub profiles: BTreeMap<RevisionReference, ProfileContent>,
    pub packs: BTreeMap<Digest, Pack>,
}

impl Contents for Library {
    fn profile(&self, revision: &RevisionReference) -> Option<&ProfileContent> {
        self.profiles.get(revision)
    }
    fn pack(&self, digest: &Digest) -> Option<&Pack> {
        self.packs.get(digest)
    }
    fn secret(&self, _: &Fingerprint) -> Option<&SecretText> {
        None
    }
}

impl Library {
    pub fn pack(&mut self, name: &str, version: &str, kind: LayerKind, values: &str) -> PackReference {
        let pack = Pack {
            name: name.to_owned(),
            display_name: name.to_owned(),
            version: version.to_owned(),
            layer: kind,
            cloud_types: Vec::new(),
            constraints: Vec::new(),
            resources: Vec::new(),
            end_of_life: None,
            annotations: std::collections::BTreeMap::new(),
            values: values.to_owned(),
            presets: Vec::new(),
            schema: None,
            manifests: Vec::new(),
            charts: Vec::new(),
            unknown: serde_json::Map::new(),
        };
        self.put(pack)
    }

    pub fn put(&mut self, pack: Pack) -> PackReference {
        let digest = Digest::of_document(&serde_json::to_value(&pack).unwrap());
        let reference =
            PackReference { name: pack.name.clone(), version: pack.version.clone(), digest: digest.clone() };
        self.packs.insert(digest, pack);
        reference
    }

    pub fn publish(
        &mut self,
        name: &str,
        kind: ProfileType,
        id: u128,
        content: ProfileContent,
    ) -> Attachment {
        let revision = revision(name);
        let attachment = Attachment {
            profile_id: ProfileId::new(Uuid::from_u128(id)),
            profile_type: kind,
            revision: revision.clone(),
            content_digest: content.digest(),
        };
        self.profiles.insert(revision, content);
        attachment
    }
}

pub fn layer(name: &str, kind: LayerKind, pack: PackReference, values: &str) -> Layer {
    Layer {
        name: name.parse().unwrap(),
        kind,
        pack,
        values: values.to_owned(),
        presets: Vec::new(),
        manifests: Vec::new(),
        install_priority: None,
        namespace: None,
        on_conflict: ConflictPolicy::Fail,
        on_immutable: ImmutablePolicy::Block,
        orphan_policy: OrphanPolicy::Keep,
    }
}

/// An object of the add-on layer `app` in the cluster.
pub fn object(body: Value) -> RenderedObject {
    RenderedObject {
        key: ObjectKey::of(&body).unwrap(),
        api_version: body["apiVersion"].as_str().unwrap().to_owned(),
        layers: vec!["app".parse().unwrap()],
        layer_kind: LayerKind::Addon,
        revision: revision("web@1.0.0"),
        source: "manifests/app.yaml".to_owned(),
        destination: Destination::Workload,
        install_priority: 0,
        on_conflict: ConflictPolicy::Fail,
        on_immutable: ImmutablePolicy::Block,
        orphan_policy: OrphanPolicy::Keep,
        body,
    }
}

/// An object of the layer `kubernetes` in the management cluster.
pub fn machinery(body: Value) -> RenderedObject {
    RenderedObject {
        layers: vec!["kubernetes".parse().unwrap()],
        layer_kind: LayerKind::Kubernetes,
        destination: Destination::Management,
        ..object(body)
    }
}

pub fn manifest(api_version: &str, kind: &str, name: &str, rest: &Value) -> Value {
    let mut body = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}});
    if kind != "Namespace" && kind != "ClusterRole" && kind != "CustomResourceDefinition" {
        body["metadata"]["namespace"] = json!("shop");
    }
    for (field, value) in rest.as_object().unwrap() {
        body[field] = value.clone();
    }
    body
}

pub fn values(name: &str, kind: LayerKind, pack: &str, of: &str, text: &str) -> LayerValues {
    LayerValues {
        layer: name.parse().unwrap(),
        kind,
        pack: pack.to_owned(),
        revision: revision(of),
        text: text.to_owned(),
        value: strata_values::parse(text, "values").unwrap(),
        origins: BTreeMap::new(),
    }
}

pub fn composed(composition: Composition) -> Composed {
    Composed {
        composition,
        findings: Vec::new(),
        conflicts: Vec::new(),
        redundant: BTreeMap::new(),
        resolutions: Vec::new(),
    }
}

/// A world that plans and applies, as the engine would, without a cluster.
#[derive(Debug, Clone)]
pub struct World {
    pub cluster: Cluster,
    pub applied: Option<(Composition, Render)>,
    pub inventory: Vec<InventoryEntry>,
    pub orphans: Vec<Orphan>,
    pub secrets: Vec<SecretText>,
    /// Why what runs does not render now.
    pub unrendered: Vec<Diagnostic>,
}

impl World {
    pub fn new() -> Self {
        Self {
            cluster: cluster(),
            applied: None,
            inventory: Vec::new(),
            orphans: Vec::new(),
            secrets: Vec::new(),
            unrendered: Vec::new(),
        }
    }

    pub fn plan(&self, wanted: &Composed, render: &Render) -> Plan {
        self.plan_with(wanted, render, None, &[], &[])
    }

    /// A plan for a change, with the layers before and after.
    pub fn plan_with(
        &self,
        wanted: &Composed,
        render: &Render,
        change: Option<ChangeId>,
        before: &[ResolvedLayer<'_>],
        after: &[ResolvedLayer<'_>],
    ) -> Plan {
        let key = key();
        let redactor = Redactor::new(&key, self.secrets.clone());
        let applied = self.applied.as_ref().map(|(composition, render)| Applied {
            composition,
            values: &render.layers,
            layers: before,
            hooks: self.unrendered.is_empty().then_some(&render.hooks),
            kubernetes_version: render.kubernetes_version.as_ref(),
            problems: &self.unrendered,
        });
        plan(&PlanInput {
            cluster: &self.cluster,
            kind: ChangeKind::Apply,
            change,
            key: &key,
            applied,
            composed: wanted,
            layers: after,
            render,
            inventory: &self.inventory,
            orphans: &self.orphans,
            redactor: &redactor,
        })
    }

    /// What a successful change leaves: inventory, orphans, applied composition.
    pub fn apply(&mut self, wanted: &Composed, render: &Render, plan: &Plan) {
        // Hooks leave nothing in the inventory.
        for action in plan.actions.iter().filter(|action| action.action != Action::RunHook) {
            let same = |destination: Destination, key: &ObjectKey| {
                destination == action.destination && *key == action.key
            };
            if action.action == Action::Orphan {
                let sent = self.inventory.iter().find(|entry| same(entry.destination, &entry.key)).unwrap();
                let (reach, note) = reach::of(&sent.key, &sent.body);
                self.orphans.push(Orphan {
                    id: OrphanId::new(Uuid::from_u128(self.orphans.len() as u128)),
                    project: project(),
                    cluster: self.cluster.id,
                    destination: action.destination,
                    key: action.key.clone(),
                    api_version: action.api_version.clone(),
                    layer: action.layer.clone(),
                    revision: action.revision.clone(),
                    policy: sent.orphan_policy,
                    reach,
                    note,
                    state: OrphanState::Left,
                    restore: None,
                    left_by: change_id(1),
                    since: at(1),
                    state_since: at(1),
                });
                continue;
            }
            let sent = render.object(action.destination, &action.key).unwrap();
            for orphan in &mut self.orphans {
                if same(orphan.destination, &orphan.key) {
                    orphan.state = OrphanState::Reclaimed;
                }
            }
            self.inventory.retain(|entry| !same(entry.destination, &entry.key));
            self.inventory.push(InventoryEntry {
                destination: sent.destination,
                key: sent.key.clone(),
                api_version: sent.api_version.clone(),
                layer: sent.layers[0].clone(),
                revision: sent.revision.clone(),
                orphan_policy: sent.orphan_policy,
                digest: digest::object(&key(), &sent.body),
                body: sent.body.clone(),
                earlier: vec![],
                uid: None,
                adopted: false,
                change: change_id(1),
                applied_at: at(1),
            });
        }
        self.applied = Some((wanted.composition.clone(), render.clone()));
    }
}
