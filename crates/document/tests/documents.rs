//! Documents: what is written is read back as it was, whatever authors write; and what Palette exports.

use proptest::prelude::*;
use strata_document::{
    DocumentLayer, DocumentPack, PROFILE_FILE, ProfileDocument, place_of, read_files, read_text, to_files,
    to_text,
};
use strata_model::{
    digest::Digest,
    profile::{
        AttachedManifest, ConflictPolicy, ImmutablePolicy, LayerKind, OrphanPolicy, PresetChoice, ProfileType,
    },
    variable::{VariableDefinition, VariableFormat},
};

fn layer(name: &str, values: &str) -> DocumentLayer {
    DocumentLayer {
        name: name.to_owned(),
        kind: Some(LayerKind::Addon),
        pack: DocumentPack {
            name: "hello".to_owned(),
            version: "1.0.0".to_owned(),
            digest: Some(Digest::of_content(b"hello")),
        },
        values: values.to_owned(),
        presets: Vec::new(),
        manifests: Vec::new(),
        install_priority: None,
        namespace: None,
        on_conflict: ConflictPolicy::default(),
        on_immutable: ImmutablePolicy::default(),
        orphan_policy: OrphanPolicy::default(),
    }
}

fn document(layers: Vec<DocumentLayer>) -> ProfileDocument {
    ProfileDocument {
        name: Some("web".to_owned()),
        profile_type: Some(ProfileType::Addon),
        version: Some("1.0.0".to_owned()),
        layers,
        variables: Vec::new(),
        macros: Vec::new(),
    }
}

/// Texts as authors write them, and as they do not.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("a: 1 # why\n\n# kept\nb:\n  - x\n".to_owned()),
        Just("\ta: 1\r\nb: 2\r\n".to_owned()),
        Just("  leading: true\n\n\n".to_owned()),
        Just("a: |\n  b\n   c\n".to_owned()),
        Just("# only a comment".to_owned()),
        "[ -~\n\t]{0,60}",
        "\\PC{0,20}",
    ]
}

fn variable() -> impl Strategy<Value = VariableDefinition> {
    let some = |text: &'static str| prop::option::of(text);
    let formats = prop::sample::select(vec![
        VariableFormat::String,
        VariableFormat::Number,
        VariableFormat::Ipv4cidr,
        VariableFormat::Base64,
    ]);
    (
        ("[a-z]{1,8}", some("[ -~]{0,12}"), some("\\PC{0,12}"), formats),
        any::<[bool; 4]>(),
        prop::collection::vec("[ -~]{0,8}", 0..3),
    )
        .prop_map(|((name, display_name, default_value, format), flags, options)| VariableDefinition {
            name,
            display_name: display_name.clone(),
            description: display_name,
            format,
            default_value,
            regex: None,
            required: flags[0],
            immutable: flags[1],
            hidden: flags[2],
            sensitive: flags[3],
            multiline: flags[0],
            options: options.iter().map(|text| text.as_str().into()).collect(),
        })
}

fn documents() -> impl Strategy<Value = ProfileDocument> {
    let layer = ("[a-z]{1,10}", text(), prop::option::of(-5..5_i32), any::<bool>()).prop_map(
        |(name, values, priority, policies)| {
            let mut layer = layer(&name, &values);
            layer.install_priority = priority;
            if policies {
                layer.presets = vec![PresetChoice { group: "Size".to_owned(), name: name.clone() }];
                layer.namespace = Some(name);
                layer.manifests =
                    vec![AttachedManifest { name: "own".to_owned(), text: layer.values.clone() }];
                layer.on_conflict = ConflictPolicy::Yield;
                layer.on_immutable = ImmutablePolicy::Replace;
                layer.orphan_policy = OrphanPolicy::ScaleToZero;
                layer.kind = None;
                layer.pack.digest = None;
            }
            layer
        },
    );
    (prop::collection::vec(layer, 0..4), prop::collection::vec(variable(), 0..3)).prop_map(
        |(mut layers, variables)| {
            // Names are unique in a profile: a folder has one file a layer.
            layers.sort_by(|a, b| a.name.cmp(&b.name));
            layers.dedup_by(|a, b| a.name == b.name);
            ProfileDocument { variables, ..document(layers) }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_written_is_read_back(document in documents()) {
        let text = to_text(&document);
        let read = read_text(&text, "web.yaml");
        prop_assert_eq!(read.as_ref(), Ok(&document), "{}", text);
        prop_assert_eq!(to_text(&read.unwrap()), text);
        let files = to_files(&document);
        let read = read_files(&files);
        prop_assert_eq!(read.as_ref(), Ok(&document), "{:?}", files);
        prop_assert_eq!(to_files(&read.unwrap()), files);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        let _ = read_text(&text, "x");
        let _ = place_of(&text, "layer `a` values.yaml", Some(1), Some(1));
    }
}

#[test]
fn a_folder_has_one_file_a_layer_and_keeps_what_authors_wrote() {
    let values = "# Who it is for.\nteam: blue   # soon red\n";
    let files = to_files(&document(vec![layer("app", values), layer("empty", "")]));
    assert_eq!(files.keys().collect::<Vec<_>>(), ["layers/app.yaml", PROFILE_FILE]);
    assert_eq!(files["layers/app.yaml"], values);
    let mut lost = files;
    lost.remove("layers/app.yaml");
    let problems = read_files(&lost).unwrap_err();
    assert_eq!(problems[0].code, "DOCUMENT_INVALID");
    assert!(problems[0].to_string().starts_with("profile.yaml:12:5: "), "{}", problems[0]);
    assert_eq!(read_files(&Default::default()).unwrap_err()[0].code, "DOCUMENT_INVALID");
}

#[test]
fn what_says_nothing_is_told_at_its_place() {
    let text = "name: web\ncolour: red\nlayers:\n  - name: app\n    pack: {name: hello, version: 1.0.0}\n    valus: |\n      a: 1\n\
        variables:\n  - name: size\n    optional: true\nscheme: 2\n";
    let told: Vec<String> =
        read_text(text, "web.yaml").unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "web.yaml:2:1: `colour` says nothing here [DOCUMENT_INVALID]",
            "web.yaml:4:5: `layers[0]`: unknown field `valus`, expected one of `name`, `kind`, `pack`, `values`, \
             `valuesFile`, `presets`, `manifests`, `installPriority`, `namespace`, `onConflict`, `onImmutable`, `orphanPolicy` \
             [DOCUMENT_INVALID]",
            "web.yaml:10:5: `optional` says nothing of a variable [DOCUMENT_INVALID]",
            "web.yaml:11:1: the document is of scheme 2, and this release reads up to 1 [DOCUMENT_SCHEME]",
        ]
    );
}

#[test]
fn problems_of_content_are_found_in_the_text() {
    let text = "layers:\n  - name: app\n    pack: {name: hello, version: 1.0.0}\n    values: |\n      a: 1\n      b:\n        c: 2\n  \
        - name: net\n    pack: {name: net, version: 1.0.0}\nvariables:\n  - name: size\n";
    let place = |file: &str, line, column| place_of(text, file, line, column);
    assert_eq!(place("layer `app` values.yaml", Some(3), Some(3)), Some((7, 9)));
    assert_eq!(place("layer `app` values.yaml", None, None), Some((4, 5)));
    assert_eq!(place("layer `net`", None, None), Some((8, 5)));
    assert_eq!(place("layer `net` manifests/a.yaml", Some(9), Some(1)), Some((8, 5)));
    assert_eq!(place("variables `size`", None, None), Some((11, 5)));
    assert_eq!(place("layer `gone`", None, None), None);
    assert_eq!(place("elsewhere", Some(1), Some(1)), None);
}

const PALETTE: &str = r#"{
  "metadata": {"name": "shop", "annotations": {"scope": "project"}},
  "spec": {
    "version": "1.2.0",
    "template": {
      "type": "add-on",
      "packs": [
        {"name": "hello-universe", "type": "spectro", "layer": "addon", "tag": "1.2.0", "version": "1.2.0",
         "values": "pack:\n  spectrocloud.com/display-name: greeter\nreplicas: 1 # one\n"},
        {"name": "hello-universe", "type": "spectro", "layer": "addon", "tag": "1.2.0", "values": "replicas: 2\n"},
        {"name": "Hello_Universe", "type": "helm", "layer": "addon", "tag": "1.3.0", "version": "1.3.0", "values": ""}
      ]
    },
    "variables": [
      {"name": "size", "displayName": "Size", "format": "number", "defaultValue": "3", "required": true},
      {"name": "login", "isSensitive": true, "defaultValue": "********"},
      {"name": "mode", "options": [{"value": "fast", "label": "Fast"}, {"value": "safe"}]}
    ]
  }
}"#;

#[test]
fn what_palette_exports_is_read() {
    let read = read_text(PALETTE, "shop.json").unwrap();
    assert_eq!((read.name.as_deref(), read.version.as_deref()), (Some("shop"), Some("1.2.0")));
    assert_eq!(read.profile_type, Some(ProfileType::Addon));
    let layers: Vec<_> = read.layers.iter().map(|it| (it.name.as_str(), it.pack.version.as_str())).collect();
    assert_eq!(layers, [("greeter", "1.2.0"), ("hello-universe", "1.2.0"), ("hello-universe-2", "1.3.0")]);
    assert!(read.layers[0].values.ends_with("replicas: 1 # one\n"));
    let [size, login, mode] = &read.variables[..] else { unreachable!() };
    assert_eq!(
        (size.format, size.default_value.as_deref(), size.required),
        (VariableFormat::Number, Some("3"), true)
    );
    assert_eq!((login.sensitive, login.default_value.as_deref()), (true, None), "a mask is no default");
    let labels: Vec<_> = mode.options.iter().map(|it| (it.value.as_str(), it.label.as_deref())).collect();
    assert_eq!(labels, [("fast", Some("Fast")), ("safe", None)]);

    let with = |more: &str| PALETTE.replace(r#""tag": "1.3.0", "version": "1.3.0", "values": """#, more);
    let attached =
        with(r#""tag": "1.3.0", "manifests": [{"name": "Extra_Map", "content": "kind: ConfigMap\n"}]"#);
    let read = read_text(&attached, "shop.json").unwrap();
    let manifest = &read.layers[2].manifests[0];
    assert_eq!((manifest.name.as_str(), manifest.text.as_str()), ("extra-map", "kind: ConfigMap\n"));
    for (wrong, expected) in [
        (r#""manifests": [{"name": "x"}]"#, "has no name or no content"),
        (r#""values": """#, "has no version"),
    ] {
        let problems = read_text(&with(wrong), "shop.json").unwrap_err();
        assert_eq!(problems[0].code, "PALETTE_UNREADABLE");
        assert!(problems[0].message.contains(expected), "{problems:?}");
    }
    let alone = PALETTE.replace(r#""type": "helm""#, r#""type": "manifest""#);
    assert!(read_text(&alone, "shop.json").unwrap_err()[0].message.contains("no pack, only manifests"));
}
