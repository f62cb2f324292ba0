//! Packs that hold Helm charts.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail them")]

mod support;

use flate2::{Compression, write::GzEncoder};
use serde_json::json;
use strata_model::{
    pack::{Pack, PackFiles},
    render::{HookDeletePolicy, HookEvent},
};
use strata_render::load_pack;
use support::{Scene, body, keys, layer, with_values};

fn archive(name: &str, files: &[(&str, &str)]) -> Vec<u8> {
    let description = format!("apiVersion: v2\nname: {name}\nversion: 0.1.0\n");
    let files: Vec<(&str, &str)> =
        [("Chart.yaml", description.as_str())].iter().chain(files).copied().collect();
    packed(name, &files)
}

fn packed(name: &str, files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(text.len()).unwrap());
        header.set_mode(0o644);
        builder.append_data(&mut header, format!("{name}/{path}"), text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

const CONFIG: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: '{{ .Release.Name }}', labels: {by: '{{ .Release.Service }}'}}
data: {who: '{{ .Values.who }} in {{ .Release.Namespace }}', parts: '{{ .Capabilities.APIVersions.Has \"acme.io/v1\" }}'}
";
const HOOK: &str =
    "apiVersion: batch/v1\nkind: Job\nmetadata: {name: before, annotations: {helm.sh/hook: pre-install}}\n";
const MORE_HOOKS: &str = "apiVersion: batch/v1
kind: Job
metadata:
  name: first
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-weight: '-1'
    helm.sh/hook-delete-policy: hook-succeeded
---
apiVersion: v1
kind: Pod
metadata: {name: check, annotations: {helm.sh/hook: test}}
";
const CRD: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: parts.acme.io}
spec: {group: acme.io, scope: Namespaced, names: {kind: Part, plural: parts}, versions: [{name: v1, served: true, storage: true}]}
";

fn files() -> PackFiles {
    let web = archive(
        "web",
        &[
            ("values.yaml", "who: nobody\n"),
            ("templates/config.yaml", CONFIG),
            ("templates/hook.yaml", HOOK),
            ("templates/more-hooks.yaml", MORE_HOOKS),
            ("crds/part.yaml", CRD),
        ],
    );
    let side = archive("side", &[("values.yaml", "who: chart\n"), ("templates/config.yaml", CONFIG)]);
    let mut files = support::files(&[("values.yaml", "charts:\n  web: {who: pack}\n")]);
    files.insert("charts/web-0.1.0.tgz".to_owned(), web);
    files.insert("charts/side-0.1.0.tgz".to_owned(), side);
    files
}

fn pack(files: &PackFiles) -> Pack {
    load_pack(files).unwrap_or_else(|problems| panic!("{problems:#?}")).pack
}

#[test]
fn each_chart_is_a_release_with_its_own_values() {
    let pack = pack(&files());
    let mut scene = Scene::imported();
    let values = "pack: {namespace: shop}\ncharts:\n  web: {who: layer}\n";
    scene.attach("apps", "1.0.0", vec![(with_values(layer("app", &pack), values), pack)]);
    let render = scene.rendered();
    assert_eq!(
        keys(&render),
        [
            "W Namespace shop",
            "W CustomResourceDefinition.apiextensions.k8s.io parts.acme.io",
            "W ConfigMap shop/app-side",
            "W ConfigMap shop/app-web"
        ]
    );
    // What the composition itself defines counts as served.
    assert_eq!(
        body(&render, "ConfigMap shop/app-web")["data"],
        json!({"who": "layer in shop", "parts": "true"})
    );
    assert_eq!(body(&render, "ConfigMap shop/app-side")["data"]["who"], "chart in shop");
    assert_eq!(body(&render, "ConfigMap shop/app-side")["metadata"]["labels"]["by"], "Helm");
    let warnings: Vec<&str> = render.warnings.iter().map(|warning| warning.code.as_str()).collect();
    assert_eq!(warnings, ["CHART_HOOKS_LEFT_OUT"]);
    assert!(render.warnings[0].message.contains("Pod `check`"), "{:?}", render.warnings);
    let hooks: Vec<_> = render
        .hooks
        .iter()
        .map(|hook| (hook.object.key.to_string(), hook.events.clone(), hook.weight, hook.delete.clone()))
        .collect();
    let job = |name: &str| format!("Job.batch shop/{name}");
    assert_eq!(
        hooks,
        [
            (
                job("first"),
                vec![HookEvent::PreInstall, HookEvent::PreUpgrade],
                -1,
                vec![HookDeletePolicy::HookSucceeded]
            ),
            (job("before"), vec![HookEvent::PreInstall], 0, vec![HookDeletePolicy::BeforeHookCreation]),
        ]
    );
    let marked = &render.hooks[0].object.body["metadata"]["labels"];
    assert_eq!(marked["strata.dev/layer"], "app");
}

#[test]
fn releases_may_be_named() {
    let pack = pack(&files());
    let mut scene = Scene::imported();
    let values = "pack: {releaseNameOverride: {web: shop-front}}\n";
    scene.attach("apps", "1.0.0", vec![(with_values(layer("app", &pack), values), pack)]);
    let found = keys(&scene.rendered());
    assert!(found.iter().any(|key| key.ends_with("/shop-front")), "{found:?}");
    assert!(found.iter().any(|key| key.ends_with("/app-side")), "{found:?}");
}

#[test]
fn failures_name_layer_chart_and_line() {
    let mut files = files();
    let broken = archive("web", &[("templates/a.yaml", "kind: A\nx: {{ fail \"no\" }}\n")]);
    files.insert("charts/web-0.1.0.tgz".to_owned(), broken);
    let pack = pack(&files);
    let mut scene = Scene::imported();
    scene.attach("apps", "1.0.0", vec![(layer("app", &pack), pack)]);
    let problems = scene.render().unwrap_err();
    assert_eq!(problems[0].place(), "layer `app` web/templates/a.yaml:2:7");
    assert_eq!(problems[0].code, "TEMPLATE_FAILED");
}

#[test]
fn packs_without_charts_keep_their_digests_and_charts_count_in_theirs() {
    let mut files = files();
    let with = pack(&files);
    let text = serde_json::to_value(&with).unwrap();
    assert_eq!(serde_json::from_value::<Pack>(text).unwrap(), with);
    files.retain(|path, _| !path.starts_with("charts/"));
    let without = pack(&files);
    assert_ne!(with.digest(), without.digest());
    assert!(serde_json::to_value(&without).unwrap().get("charts").is_none());
}

#[test]
fn listed_charts_render_in_that_order_and_others_are_told() {
    let mut files = files();
    let description = br#"{"name":"app","displayName":"App","version":"1.0.0","layer":"addon","charts":["charts/web-0.1.0.tgz"]}"#;
    files.insert("pack.json".to_owned(), description.to_vec());
    let loaded = load_pack(&files).unwrap();
    assert_eq!(loaded.pack.charts.iter().map(|chart| chart.name.as_str()).collect::<Vec<_>>(), ["web"]);
    assert_eq!(
        loaded.warnings.iter().map(|warning| warning.code.as_str()).collect::<Vec<_>>(),
        ["CHART_NOT_LISTED"]
    );
}

/// What a chart says itself is traced like what the layer says over it.
#[test]
fn fields_are_traced_to_the_values_of_charts() {
    let pack = load_pack(&files()).unwrap().pack;
    let mut scene = Scene::imported();
    scene.attach("apps", "1.0.0", vec![(with_values(layer("app", &pack), ""), pack)]);
    let rendered = scene.rendered();
    for (chart, who) in [("web", "pack"), ("side", "chart")] {
        let object = rendered
            .objects
            .iter()
            .find(|object| object.body["data"]["who"].as_str().is_some_and(|it| it.starts_with(who)))
            .unwrap();
        let trace = scene.trace(&object.key, &"data.who".parse().unwrap()).unwrap();
        let first = &trace.sources[0];
        assert_eq!((first.path.clone(), first.value.clone()), (format!("charts.{chart}.who"), json!(who)));
        assert!(matches!(first.origin, strata_model::render::Origin::Pack { .. }), "{:?}", first.origin);
    }
}

/// So are values of charts in charts, however deep and under whatever name.
#[test]
fn fields_are_traced_to_values_of_charts_in_charts() {
    let config = CONFIG.replace("{{ .Release.Name }}", "{{ .Values.who }}");
    let outer = "apiVersion: v2\nname: web\nversion: 0.1.0\ndependencies:\n\
        - {name: inner, version: 0.1.0, alias: first}\n- {name: inner, version: 0.1.0, alias: second}\n";
    let inner = "apiVersion: v2\nname: inner\nversion: 0.1.0\ndependencies: [{name: core, version: 0.1.0}]\n";
    let web = packed(
        "web",
        &[
            ("Chart.yaml", outer),
            ("values.yaml", "second: {core: {who: outer}}\n"),
            ("charts/inner/Chart.yaml", inner),
            ("charts/inner/values.yaml", "core: {idle: 1}\n"),
            ("charts/inner/charts/core/Chart.yaml", "apiVersion: v2\nname: core\nversion: 0.1.0\n"),
            ("charts/inner/charts/core/values.yaml", "who: core\n"),
            ("charts/inner/charts/core/templates/config.yaml", &config),
        ],
    );
    let mut files = support::files(&[("values.yaml", "")]);
    files.insert("charts/web-0.1.0.tgz".to_owned(), web);
    let pack = load_pack(&files).unwrap().pack;
    let mut scene = Scene::imported();
    scene.attach("apps", "1.0.0", vec![(with_values(layer("app", &pack), ""), pack)]);
    let rendered = scene.rendered();
    for (name, alias) in [("core", "first"), ("outer", "second")] {
        let object = rendered.objects.iter().find(|object| object.key.name == name).unwrap();
        let trace = scene.trace(&object.key, &"data.who".parse().unwrap()).unwrap();
        let places: Vec<&str> = trace.sources.iter().map(|source| source.path.as_str()).collect();
        assert!(places.contains(&&*format!("charts.web.{alias}.core.who")), "{places:?}");
        assert!(trace.complete, "{:?}", trace.undecided);
    }
}
