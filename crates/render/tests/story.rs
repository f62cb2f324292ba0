//! The example packs, rendered as the story needs them.

mod support;

use serde_json::json;
use strata_model::{digest::canonical, object::marks, pack::Pack, profile::Layer, secret::SecretText};

use support::{Scene, body, example, keys, layer, with_preset};

fn infrastructure(kubernetes: &str) -> Vec<(Layer, Pack)> {
    ["ubuntu-22.04", kubernetes, "cni-demo-1.0.0", "csi-demo-1.0.0"]
        .into_iter()
        .map(|folder| {
            let pack = example(folder);
            (layer(&pack.name, &pack), pack)
        })
        .collect()
}

fn hello(preset: Option<&str>) -> (Layer, Pack) {
    let pack = example("hello-universe-1.2.0");
    let own = layer("hello-universe", &pack);
    (
        match preset {
            Some(name) => with_preset(own, "Backend", name),
            None => own,
        },
        pack,
    )
}

fn full(kubernetes: &str, preset: Option<&str>) -> Scene {
    let mut scene = Scene::provisioned();
    let mut layers = infrastructure(kubernetes);
    layers.push(hello(preset));
    scene.attach("web", "1.0.0", layers);
    scene
}

#[test]
fn a_provisioned_cluster_gets_its_machines_first() {
    let render = full("kubernetes-1.33.x", None).rendered();
    let keys: Vec<String> = keys(&render)
        .into_iter()
        .map(|key| {
            // What is named by a hash of its content.
            let (head, tail) = key.split_at(key.len().saturating_sub(8));
            let hashed = tail.bytes().all(|byte| byte.is_ascii_hexdigit()) && key.contains("Template");
            if hashed { format!("{head}#") } else { key }
        })
        .collect();
    assert_eq!(
        keys,
        [
            "M DockerMachineTemplate.infrastructure.cluster.x-k8s.io fleet/edge-1-control-plane-#",
            "M DockerMachineTemplate.infrastructure.cluster.x-k8s.io fleet/edge-1-small-#",
            "M KubeadmConfigTemplate.bootstrap.cluster.x-k8s.io fleet/edge-1-small-#",
            "M DockerMachineTemplate.infrastructure.cluster.x-k8s.io fleet/edge-1-large-#",
            "M KubeadmConfigTemplate.bootstrap.cluster.x-k8s.io fleet/edge-1-large-#",
            "M DockerCluster.infrastructure.cluster.x-k8s.io fleet/edge-1",
            "M Cluster.cluster.x-k8s.io fleet/edge-1",
            "M KubeadmControlPlane.controlplane.cluster.x-k8s.io fleet/edge-1-control-plane",
            "M MachineDeployment.cluster.x-k8s.io fleet/edge-1-small",
            "M MachineDeployment.cluster.x-k8s.io fleet/edge-1-large",
            "W ServiceAccount kube-system/network-agent",
            "W ClusterRole.rbac.authorization.k8s.io network-agent",
            "W ClusterRoleBinding.rbac.authorization.k8s.io network-agent",
            "W ConfigMap kube-system/network",
            "W DaemonSet.apps kube-system/network-agent",
            "W Namespace storage-system",
            "W CSIDriver.storage.k8s.io demo.csi.strata.dev",
            "W StorageClass.storage.k8s.io standard",
            "W Deployment.apps storage-system/storage-controller",
            "W Namespace hello-universe",
            "W Service hello-universe/hello-universe-service",
            "W Deployment.apps hello-universe/hello-universe-deployment",
        ]
    );
    assert_eq!(render.kubernetes_version.as_ref().unwrap().to_string(), "v1.33.4");
    assert_eq!((render.duplicates.len(), render.warnings.len()), (0, 0), "{:?}", render.warnings);
    // Nothing was asked of a cluster that is not there yet, but its name.
    assert!(render.facts_read.is_empty(), "{:?}", render.facts_read);
    let plane = body(&render, "KubeadmControlPlane.controlplane.cluster.x-k8s.io fleet/edge-1-control-plane");
    assert_eq!((&plane["spec"]["version"], &plane["spec"]["replicas"]), (&json!("v1.33.4"), &json!(3)));
    assert_eq!(
        plane["spec"]["kubeadmConfigSpec"]["preKubeadmCommands"],
        json!(["sysctl -w fs.inotify.max_user_instances=1024"])
    );
    assert_eq!(
        plane["spec"]["kubeadmConfigSpec"]["clusterConfiguration"]["apiServer"]["extraArgs"],
        json!([{"name": "profiling", "value": "false"}])
    );
    let pool = body(&render, "MachineDeployment.cluster.x-k8s.io fleet/edge-1-small");
    assert_eq!(
        (&pool["spec"]["replicas"], &pool["spec"]["template"]["spec"]["version"]),
        (&json!(2), &json!("v1.33.4"))
    );
    assert_eq!(
        pool["metadata"]["labels"],
        json!({
            marks::INSTALLATION: support::uuid(0x5).to_string(), marks::CLUSTER: support::uuid(0xc1).to_string(),
            marks::LAYER: "kubernetes"
        })
    );
    let template = &pool["spec"]["template"];
    assert!(template["metadata"]["labels"].get(marks::LAYER).is_none(), "marks are not for machines");
    let network = body(&render, "ConfigMap kube-system/network");
    assert_eq!(network["data"]["podCIDR"], "192.168.0.0/16");
    let namespace = body(&render, "Namespace hello-universe");
    assert_eq!(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "baseline");
}

#[test]
fn the_next_minor_and_another_image_make_new_templates_where_they_must() {
    let before = full("kubernetes-1.33.x", None).rendered();
    let after = full("kubernetes-1.34.x", None).rendered();
    assert_eq!(after.kubernetes_version.as_ref().unwrap().to_string(), "v1.34.1");
    // A version moves the control plane and the pools and no machine template.
    assert_eq!(keys(&before), keys(&after));
    let mut scene = full("kubernetes-1.33.x", None);
    let patch =
        serde_json::from_value(json!([{"op": "set", "path": "image.reference", "value": "kindest/node:x"}]));
    scene.override_layer("ubuntu", patch.unwrap());
    let imaged = scene.rendered();
    let of = |render: &strata_model::render::Render| -> Vec<String> {
        keys(render).into_iter().filter(|key| key.contains("DockerMachineTemplate")).collect()
    };
    assert!(of(&imaged).iter().all(|key| !of(&before).contains(key)), "{:?}", of(&imaged));
}

#[test]
fn a_preset_swaps_one_shape_for_the_other() {
    let mut scene = Scene::imported();
    scene.attach("web", "1.1.0", vec![hello(Some("enable-api"))]);
    let render = scene.rendered();
    assert_eq!(
        keys(&render),
        [
            "W Namespace hello-universe",
            "W Secret hello-universe/postgres",
            "W Secret hello-universe/api-token",
            "W ServiceAccount hello-universe/api",
            "W ClusterRole.rbac.authorization.k8s.io hello-universe-api",
            "W ClusterRoleBinding.rbac.authorization.k8s.io hello-universe-api",
            "W Service hello-universe/postgres",
            "W Service hello-universe/api",
            "W Service hello-universe/ui",
            "W Deployment.apps hello-universe/postgres",
            "W Deployment.apps hello-universe/api",
            "W Deployment.apps hello-universe/ui",
        ]
    );
    let password =
        body(&render, "Secret hello-universe/postgres")["stringData"]["password"].as_str().unwrap();
    assert_eq!(password.len(), 24);
    assert!(render.secrets.contains(&SecretText::new(password)));
    let other = {
        scene.seed = [8; 32];
        scene.rendered()
    };
    assert_ne!(body(&other, "Secret hello-universe/postgres")["stringData"]["password"], password);
    assert!(render.objects.iter().all(|object| object.install_priority == 10));
    // Unchoosing gives the pack's own text back.
    let mut scene = Scene::imported();
    scene.attach("web", "1.0.0", vec![hello(None)]);
    assert_eq!(scene.rendered().layers[0].text, example("hello-universe-1.2.0").values);
}

#[test]
fn on_an_imported_cluster_infrastructure_only_describes() {
    let mut scene = full("kubernetes-1.33.x", Some("disable-api"));
    scene.cluster.infrastructure = strata_model::cluster::Infrastructure::None;
    scene.facts.kubernetes_version = Some("v1.32.1".parse().unwrap());
    let render = scene.rendered();
    assert_eq!(render.objects.len(), 3);
    let codes: Vec<&str> = render.warnings.iter().map(|warning| warning.code.as_str()).collect();
    assert_eq!(codes, ["INFRASTRUCTURE_ONLY_DESCRIBED"; 4]);
    assert_eq!(render.layers.len(), 5);
    assert_eq!(render.kubernetes_version.as_ref().unwrap().to_string(), "v1.33.4");
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let scene = full("kubernetes-1.34.x", Some("enable-api"));
    let text = |scene: &Scene| canonical(&serde_json::to_value(scene.rendered()).unwrap());
    assert_eq!(text(&scene), text(&scene));
}

#[test]
fn values_keep_the_authors_words() {
    let mut scene = full("kubernetes-1.34.x", Some("enable-api"));
    let patch = serde_json::from_value(
        json!([{"op": "set", "path": "manifests.hello-universe.replicas", "value": 4}]),
    );
    scene.override_layer("hello-universe", patch.unwrap());
    let render = scene.rendered();
    let own = render.layers.iter().find(|own| own.layer.as_str() == "hello-universe").unwrap();
    assert!(own.text.contains("# How many copies of the page run.\n    replicas: 4\n"), "{}", own.text);
    assert_eq!(strata_values::parse(&own.text, "v").unwrap(), own.value);
    let origin = |path: &str| serde_json::to_value(&own.origins[path]).unwrap()["origin"].clone();
    assert_eq!(origin("manifests.hello-universe.replicas"), "override");
    assert_eq!(origin("manifests.hello-universe.api.port"), "preset");
    assert_eq!(origin("manifests.hello-universe.image"), "pack");
    assert_eq!(body(&render, "Deployment.apps hello-universe/ui")["spec"]["replicas"], 4);
}

#[test]
fn what_was_made_before_may_be_handed_in() {
    use std::collections::BTreeMap;
    use strata_render::{LayerSeed, RenderInput, layer_base, pack_templates, render, resolve_layers};

    let scene = full("kubernetes-1.34.x", Some("enable-api"));
    let mut layers = resolve_layers(&scene.composition, &scene.contents, &scene.packs).unwrap();
    let bases: Vec<_> =
        layers.iter().map(|own| layer_base(own.layer, own.pack, own.revision).unwrap()).collect();
    let templates: Vec<_> = layers.iter().map(|own| pack_templates(own.pack).unwrap()).collect();
    for (own, (base, templates)) in layers.iter_mut().zip(bases.iter().zip(&templates)) {
        (own.base, own.templates) = (Some(base), Some(templates));
    }
    let seed = LayerSeed { seed: scene.seed, instant: strata_model::Timestamp::UNIX_EPOCH };
    let seeds: BTreeMap<_, _> = layers.iter().map(|own| (own.layer.name.clone(), seed.clone())).collect();
    let input = RenderInput {
        cluster: &scene.cluster,
        composition: &scene.composition,
        layers: &layers,
        secrets: &scene.secrets,
        facts: &scene.facts,
        seeds: &seeds,
    };
    let json = |render| serde_json::to_value(render).unwrap();
    assert_eq!(json(render(&input).unwrap()), json(scene.rendered()));
    assert!(!format!("{:?}", seeds).contains("7, 7"), "seeds are not printed");
    let none = BTreeMap::new();
    let problems = render(&RenderInput { seeds: &none, ..input }).unwrap_err();
    assert_eq!(problems[0].code, "SEED_MISSING");
}
