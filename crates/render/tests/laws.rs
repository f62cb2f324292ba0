//! Laws of rendering that hold for every values text.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod support;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use strata_model::{
    pack::{Pack, Preset},
    profile::PresetChoice,
};
use strata_render::{layer_base, preset};

use support::{Scene, layer, pack, revision, single, with_preset, with_values};

/// Shows all values in every way that could betray an order, and draws generated ones beside them.
const SHOWS_ALL: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata:
  name: shown
data:
  yaml: {{ toYaml .Values | quote }}
  json: {{ toJson .Values | quote }}
  toml: {{ toToml .Values | quote }}
  print: {{ printf "%v" .Values | quote }}
  hash: {{ toYaml .Values | sha256sum }}
  keys: {{ keys .Values | join "," | quote }}
  merged: {{ merge (dict "zz" 1) (deepCopy .Values) | toJson | quote }}
  picked: {{ pick .Values "a" "c" | toJson | quote }}
  loop: "{{ range $key, $value := .Values }}{{ $key }}{{ kindOf $value }}{{ end }}"
  apis: {{ printf "%v" .Capabilities.APIVersions | quote }}
---
apiVersion: v1
kind: Secret
metadata:
  name: made
stringData:
  password: {{ randAlphaNum 16 }}
  other: {{ randAlphaNum 16 }}
  id: {{ uuidv4 }}
  at: {{ now | date "2006-01-02T15:04:05" | quote }}
  shuffled: {{ shuffle "abcdefgh" }}
---
{{- range $key, $value := .Values }}
apiVersion: v1
kind: ConfigMap
metadata:
  name: of-{{ $key }}
data: {{ dict "value" (toJson $value) | toJson }}
---
{{- end }}
"#;

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-1000_i32..1000).prop_map(|number| json!(f64::from(number) / 8.0)),
        "[ a-zé:#'\"|>-]{0,12}".prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            mapping_of(inner).prop_map(Value::Object),
        ]
    })
}

fn mapping_of(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::btree_map("[a-e]", inner, 0..5).prop_map(|entries| entries.into_iter().collect())
}

fn mapping() -> impl Strategy<Value = Map<String, Value>> {
    mapping_of(value())
}

/// A values text with comments and empty lines, as people write it.
fn commented() -> impl Strategy<Value = String> {
    (mapping(), prop::collection::vec(prop::option::of("# [a-z ]{0,8}"), 40), any::<bool>()).prop_map(
        |(values, comments, ends)| {
            let text = strata_values::emit(&Value::Object(values));
            let mut out = String::new();
            for (line, comment) in text.lines().zip(comments.iter().cycle()) {
                // Only before entries of the root: a block text would take a comment for its own.
                if let Some(comment) =
                    comment.as_ref().filter(|_| line.starts_with(|c: char| c.is_ascii_lowercase()))
                {
                    out.push_str(&format!("{comment}\n\n"));
                }
                out.push_str(line);
                out.push('\n');
            }
            if !ends {
                out.truncate(out.trim_end_matches('\n').len());
            }
            out
        },
    )
}

/// The same value with the keys of each of its maps in another order.
fn turned(value: &Value, by: usize) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> =
                map.iter().map(|(key, value)| (key.clone(), turned(value, by))).collect();
            let count = entries.len().max(1);
            entries.rotate_left(by % count);
            if by % 2 == 1 {
                entries.reverse();
            }
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => items.iter().map(|item| turned(item, by)).collect(),
        other => other.clone(),
    }
}

fn objects(scene: &Scene) -> Vec<u8> {
    serde_json::to_vec(&scene.rendered().objects).unwrap()
}

fn scene(pack_values: &Value, own: &Value) -> Scene {
    let files = [("values.yaml", &*strata_values::emit(pack_values)), ("manifests/all.yaml", SHOWS_ALL)];
    single(&files, &strata_values::emit(own))
}

/// A pack with a chart that has a subchart, whose templates show all values in the same ways.
fn chart_scene(chart_values: &Value, own: &Value) -> Scene {
    let chart = |name: &str| format!("apiVersion: v2\nname: {name}\nversion: 1.0.0\n");
    let inner = SHOWS_ALL.replace("name: shown", "name: inner").replace("name: made", "name: inner-made");
    let inner = inner.replace("name: of-", "name: inner-of-");
    let values = strata_values::emit(chart_values);
    let (outer_chart, inner_chart) = (chart("outer"), chart("inner"));
    let files = [
        ("charts/outer/Chart.yaml", outer_chart.as_str()),
        ("charts/outer/values.yaml", &values),
        ("charts/outer/templates/all.yaml", SHOWS_ALL),
        ("charts/outer/charts/inner/Chart.yaml", &inner_chart),
        ("charts/outer/charts/inner/values.yaml", &values),
        ("charts/outer/charts/inner/templates/all.yaml", &inner),
    ];
    let mut own = own.clone();
    if let Value::Object(map) = &mut own {
        map.insert("inner".to_owned(), Value::Object(map.clone()));
    }
    single(&files, &strata_values::emit(&json!({"charts": {"outer": own}})))
}

fn with_presets(values: &str, presets: Vec<Preset>) -> Pack {
    Pack { presets, ..pack(&[("values.yaml", values)]) }
}

fn preset_of(name: &str, remove: &[String], add: &Map<String, Value>) -> Preset {
    Preset {
        name: name.to_owned(),
        display_name: name.to_owned(),
        group: "shape".to_owned(),
        remove: remove.to_vec(),
        add: strata_values::emit(&Value::Object(add.clone())),
    }
}

fn choice(name: &str) -> PresetChoice {
    PresetChoice { group: "shape".to_owned(), name: name.to_owned() }
}

/// Two presets of one group that fit a text: each takes some keys away and adds others.
fn presets(
    text: &str,
    taken: &[bool],
    first: &Map<String, Value>,
    second: &Map<String, Value>,
) -> Vec<Preset> {
    let keys: Vec<String> =
        strata_values::parse_mapping(text, "values.yaml").unwrap().keys().cloned().collect();
    let remove: Vec<String> =
        keys.into_iter().zip(taken).filter(|(_, taken)| **taken).map(|(key, _)| key).collect();
    vec![preset_of("first", &remove, first), preset_of("second", &[], second)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn rendering_twice_gives_equal_bytes(pack_values in mapping(), own in mapping()) {
        let scene = scene(&Value::Object(pack_values), &Value::Object(own));
        let bytes = |scene: &Scene| serde_json::to_vec(&scene.rendered()).unwrap();
        prop_assert_eq!(bytes(&scene), bytes(&scene));
    }

    #[test]
    fn the_order_of_maps_does_not_matter(pack_values in mapping(), own in mapping(), by in 1_usize..6) {
        let (pack_values, own) = (Value::Object(pack_values), Value::Object(own));
        let straight = objects(&scene(&pack_values, &own));
        let other = objects(&scene(&turned(&pack_values, by), &turned(&own, by + 1)));
        prop_assert_eq!(String::from_utf8(straight).unwrap(), String::from_utf8(other).unwrap());
    }

    #[test]
    fn rendering_a_chart_twice_gives_equal_bytes(values in mapping(), own in mapping()) {
        let scene = chart_scene(&Value::Object(values), &Value::Object(own));
        let bytes = |scene: &Scene| serde_json::to_vec(&scene.rendered()).unwrap();
        prop_assert_eq!(bytes(&scene), bytes(&scene));
    }

    #[test]
    fn the_order_of_maps_does_not_matter_to_charts(values in mapping(), own in mapping(), by in 1_usize..6) {
        let (values, own) = (Value::Object(values), Value::Object(own));
        let straight = objects(&chart_scene(&values, &own));
        let other = objects(&chart_scene(&turned(&values, by), &turned(&own, by + 1)));
        prop_assert_eq!(String::from_utf8(straight).unwrap(), String::from_utf8(other).unwrap());
    }

    #[test]
    fn unchoosing_a_preset_gives_the_text_back(
        text in commented(),
        taken in prop::collection::vec(any::<bool>(), 5),
        first in mapping(),
        second in mapping(),
    ) {
        let pack = with_presets(&text, presets(&text, &taken, &first, &second));
        let revision = revision("apps", "1.0.0");
        let base = |chosen: Option<&str>| {
            let own = layer("app", &pack);
            let own = match chosen { Some(name) => with_preset(own, "shape", name), None => own };
            layer_base(&own, &pack, &revision).unwrap()
        };
        let before = base(None);
        prop_assert_eq!(&before.text, &text);
        let chosen = base(Some("first"));
        // What is shown is what holds.
        prop_assert_eq!(&strata_values::parse_mapping(&chosen.text, "v").map(Value::Object).unwrap(), &chosen.value);
        prop_assert_eq!(base(None), before);
    }

    #[test]
    fn another_preset_of_the_group_starts_from_the_packs_text(
        text in commented(),
        taken in prop::collection::vec(any::<bool>(), 5),
        first in mapping(),
        second in mapping(),
    ) {
        let offered = presets(&text, &taken, &first, &second);
        let choose = |choices: &[PresetChoice]| preset::choose(&text, &offered, choices).unwrap();
        prop_assert_eq!(choose(&[]).text, text.clone());
        let mut expected = strata_values::parse_mapping(&text, "v").map(Value::Object).unwrap();
        strata_values::merge(&mut expected, &Value::Object(second.clone()));
        prop_assert_eq!(choose(&[choice("second")]).value, expected);
        prop_assert!(preset::choose(&text, &offered, &[choice("first"), choice("second")]).is_err());
    }

    #[test]
    fn a_layers_own_values_stand_above_any_preset(text in commented(), own in mapping(), first in mapping()) {
        let pack = with_presets(&text, vec![preset_of("first", &[], &first)]);
        let own = Value::Object(own);
        let layered = with_values(with_preset(layer("app", &pack), "shape", "first"), &strata_values::emit(&own));
        let base = layer_base(&layered, &pack, &revision("apps", "1.0.0")).unwrap();
        let mut expected = base.value.clone();
        strata_values::merge(&mut expected, &own);
        prop_assert_eq!(&base.value, &expected);
    }
}
