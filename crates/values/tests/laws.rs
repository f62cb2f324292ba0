//! Laws of values, for arbitrary ones: nulls, look-alike texts, keyed and other lists.

use proptest::{collection::vec, prelude::*};
use serde_json::{Map, Value, json};
use strata_model::{
    digest::DigestKey,
    overrides::{Patch, ResolutionChoice},
    secret::SecretText,
};
use strata_values::{
    ConflictKind, Labels, Layered, Redactor, Resolution, apply, apply_changes, derive, diff_values, edit,
    emit, merge, parse, parse_documents, three_way, unified,
};

/// Texts that parsers like to take for something else, and arbitrary ones.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::sample::select(vec![
            "", "a", "b", "yes", "No", "null", "~", "1", "01", "1.10", "-", "- a", "a: b", "a #b", "#", "<<", "=", "*a", "|",
            "a\n", "a\nb\n", "a\nb", "a\n\n", " a\nb", "a\n  b\n c\n", "\ta", "a\tb\n\tc\n", "{{ x }}", "[", "'", "\"", "\\", "é", "\u{feff}",
        ]).prop_map(str::to_owned),
        2 => "[ -~\\n\\t]{0,24}",
        1 => "\\PC{0,12}",
        1 => any::<String>(),
    ]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        2 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        3 => (0_i64..4).prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => any::<f64>().prop_filter("JSON has no others", |float| float.is_finite()).prop_map(Value::from),
        3 => text().prop_map(Value::from),
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![4 => prop::sample::select(vec!["a", "b", "c", "name", "id"]).prop_map(str::to_owned), 1 => text()]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            2 => vec(inner.clone(), 0..4).prop_map(Value::Array),
            3 => mapping_of(inner.clone()),
            // Lists of items with names, mostly unique.
            2 => vec((0..6_u8, mapping_of(inner)), 0..5).prop_map(|items| {
                items.into_iter().map(|(name, mut item)| { item["name"] = json!(format!("n{name}")); item }).collect()
            }),
        ]
    })
}

fn mapping_of(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    vec((key(), inner), 0..5).prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>()))
}

fn mapping() -> impl Strategy<Value = Value> {
    mapping_of(value())
}

/// A value and a version of it with some parts exchanged, so that most of both is alike.
fn versions() -> impl Strategy<Value = (Value, Value, Value)> {
    (mapping(), any::<u64>(), any::<u64>(), vec(value(), 4)).prop_map(|(base, one, two, parts)| {
        let changed = |seed| mutate(&base, &mut { seed }, &parts);
        (base.clone(), changed(one), changed(two))
    })
}

fn draw(seed: &mut u64, below: usize) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*seed >> 33).unwrap_or(0) % below
}

fn mutate(value: &Value, seed: &mut u64, parts: &[Value]) -> Value {
    let other = |seed: &mut u64| parts[draw(seed, parts.len())].clone();
    match value {
        Value::Object(map) => {
            let mut out = Map::new();
            for (key, value) in map {
                match draw(seed, 10) {
                    0 => {}
                    1 => {
                        out.insert(key.clone(), other(seed));
                    }
                    _ => {
                        // The key of an item mostly stays.
                        let keep = key == "name" && draw(seed, 10) > 0;
                        out.insert(
                            key.clone(),
                            if keep { value.clone() } else { mutate(value, seed, parts) },
                        );
                    }
                }
            }
            if draw(seed, 6) == 0 {
                out.insert("added".to_owned(), other(seed));
            }
            Value::Object(out)
        }
        Value::Array(items) => {
            let mut out: Vec<Value> = Vec::new();
            for item in items {
                if draw(seed, 6) > 0 {
                    out.push(mutate(item, seed, parts));
                }
            }
            if draw(seed, 4) == 0 {
                let at = draw(seed, out.len() + 1);
                out.insert(at, json!({"name": "new", "v": other(seed)}));
            }
            if draw(seed, 4) == 0 {
                out.reverse();
            }
            Value::Array(out)
        }
        scalar => {
            if draw(seed, 8) == 0 {
                other(seed)
            } else {
                scalar.clone()
            }
        }
    }
}

/// The same shape with other scalars: layers that never turn a mapping into something else.
fn same_shapes() -> impl Strategy<Value = [Value; 3]> {
    (versions(), any::<[u64; 3]>())
        .prop_map(|((base, ..), seeds)| seeds.map(|seed| prune(&base, &mut { seed })))
}

fn prune(value: &Value, seed: &mut u64) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.iter()
                .filter_map(|(key, value)| match draw(seed, 3) {
                    0 => None,
                    _ => Some((key.clone(), prune(value, seed))),
                })
                .collect(),
        ),
        Value::Array(_) => json!([draw(seed, 5)]),
        _ => json!(draw(seed, 100)),
    }
}

fn merged(base: &Value, over: &Value) -> Value {
    let mut value = base.clone();
    merge(&mut value, over);
    value
}

proptest! {
    #![proptest_config(ProptestConfig { cases: std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(500), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(value in value()) {
        prop_assert_eq!(parse(&emit(&value), "v").map_err(|e| format!("{e} in\n{}", emit(&value))), Ok(value));
    }

    #[test]
    fn reading_never_panics(text in "[-a-c:?#&*!|>'\"%@`{}\\[\\], \\n\\t0-9.~<]{0,60}") {
        let _ = parse(&text, "v");
        let _ = parse_documents(&text, "v");
    }

    #[test]
    fn merging_has_a_neutral_element_and_settles(base in mapping(), over in mapping()) {
        prop_assert_eq!(merged(&base, &json!({})), base.clone());
        prop_assert_eq!(merged(&json!({}), &base), base.clone());
        let once = merged(&base, &over);
        prop_assert_eq!(merged(&once, &over), once);
    }

    #[test]
    fn merging_is_associative_where_shapes_agree([a, b, c] in same_shapes()) {
        prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
    }

    #[test]
    fn layers_give_the_merged_value_and_every_leaf_has_an_origin(layers in vec(mapping(), 1..4), edited in mapping()) {
        let mut expected = json!({});
        layers.iter().for_each(|layer| merge(&mut expected, layer));
        let mut layered = Layered::of(layers.iter().enumerate());
        prop_assert_eq!(layered.value(), &expected);
        layered.push_patch(&99, &derive(&expected, &edited).patch).unwrap();
        prop_assert_eq!(layered.value(), &edited);
        for (path, origin) in layered.leaves() {
            let value = path.find(layered.value());
            prop_assert!(value.is_some(), "{}", path);
            prop_assert_eq!(layered.origin_of(&path), Some(origin));
            // What is not from the patch is what the merged layers say.
            let emptied = value.is_some_and(|value| *value == json!({}) || *value == json!([]));
            if *origin != 99 && !emptied {
                prop_assert_eq!(value, path.find(&expected), "{}", path);
            }
        }
    }

    #[test]
    fn a_derived_patch_leads_to_the_edit((base, edited, _) in versions(), other in value()) {
        for (from, to) in [(&base, &edited), (&edited, &base), (&base, &other), (&other, &edited)] {
            let patch = derive(from, to).patch;
            let got = apply(&patch, from).unwrap();
            prop_assert_eq!(&got, to);
            // Also after storing it.
            let stored: Patch = serde_json::from_value(serde_json::to_value(&patch).unwrap()).unwrap();
            prop_assert_eq!(stored, patch);
        }
        prop_assert!(derive(&base, &base).patch.is_empty());
    }

    #[test]
    fn changes_lead_from_current_to_pending((current, pending, _) in versions(), other in value()) {
        for to in [&pending, &other] {
            let changes = diff_values(&current, to);
            prop_assert_eq!(&apply_changes(&changes, &current).unwrap(), to);
            prop_assert_eq!(changes.is_empty(), &current == to);
        }
    }

    #[test]
    fn three_way_of_one_change_is_that_change((base, edited, theirs) in versions()) {
        let ours = derive(&base, &edited).patch;
        let unmoved = three_way(&base, &ours, &base, &[]);
        prop_assert_eq!(&unmoved.value, &edited);
        prop_assert!(unmoved.conflicts.is_empty());
        let none = three_way(&base, &Patch::default(), &theirs, &[]);
        prop_assert_eq!(&none.value, &theirs);
        prop_assert!(none.patch.is_empty() && none.conflicts.is_empty());
        let same = three_way(&base, &ours, &edited, &[]);
        prop_assert_eq!(&same.value, &edited);
    }

    #[test]
    fn three_way_tells_all_that_it_decides((base, edited, theirs) in versions()) {
        let ours = derive(&base, &edited).patch;
        let open = three_way(&base, &ours, &theirs, &[]);
        prop_assert_eq!(&apply(&open.patch, &theirs).unwrap(), &open.value);
        for (choice, side) in [(ResolutionChoice::KeepOverride, &edited), (ResolutionChoice::TakeProfile, &theirs)] {
            let resolutions: Vec<Resolution> = open.conflicts.iter()
                .map(|conflict| Resolution { path: conflict.path.clone(), choice: choice.clone() }).collect();
            let closed = three_way(&base, &ours, &theirs, &resolutions);
            prop_assert_eq!(closed.unresolved().count(), 0);
            prop_assert_eq!(closed.conflicts.len(), open.conflicts.len());
            prop_assert!(closed.unused_resolutions.is_empty());
            prop_assert_eq!(&apply(&closed.patch, &theirs).unwrap(), &closed.value);
            // A conflict about the order of a list is not about the values in it.
            for conflict in closed.conflicts.iter().filter(|conflict| conflict.kind != ConflictKind::Reordered) {
                prop_assert_eq!(conflict.path.find(&closed.value), conflict.path.find(side), "{}", conflict.path);
            }
            // The next version without a change keeps everything as it is.
            let again = three_way(&theirs, &closed.patch, &theirs, &[]);
            prop_assert_eq!(&again.value, &closed.value);
            prop_assert!(again.conflicts.is_empty());
        }
    }

    #[test]
    fn an_edited_text_has_the_edited_value((base, edited, _) in versions()) {
        let text = format!("# head\n{}# tail\n", emit(&base));
        let new = edit::rewrite(&text, &edited).unwrap();
        prop_assert_eq!(parse(&new.text, "v").unwrap(), edited);
        prop_assert!(!new.comments_kept || new.text.contains("# head"));
    }

    #[test]
    fn a_comment_goes_where_its_item_goes(
        names in Just(vec!["a", "b", "c", "d", "e"]).prop_shuffle(), kept in 2..5_usize,
        next in Just(vec!["a", "b", "c", "d", "e"]).prop_shuffle(), blank in any::<u8>(), indent in 0..3_usize,
    ) {
        // What is kept comes in the order of `next`, and all else of it is new.
        let names = &names[..kept];
        let mut text = "# head\nlist:\n".to_owned();
        for (place, name) in names.iter().enumerate() {
            let (indent, blank) = (" ".repeat(indent), if blank >> place & 1 == 1 { "\n" } else { "" });
            text.push_str(&format!("{indent}# about {name}\n{indent}- name: {name}\n{indent}  v: 1 # in {name}\n{blank}"));
        }
        let items: Vec<Value> = next.iter().map(|name| json!({"name": name, "v": 1})).collect();
        let edited = json!({"list": items});
        let new = edit::rewrite(&text, &edited).unwrap();
        prop_assert!(new.comments_kept);
        prop_assert_eq!(parse(&new.text, "v").unwrap(), edited);
        for name in names {
            let [about, inside] = [format!("# about {name}\n"), format!("# in {name}\n")];
            let (_, below) = new.text.split_once(&about).unwrap();
            let (item, _) = below.split_once(&inside).unwrap();
            prop_assert!(item.trim_start().starts_with(&format!("- name: {name}\n")) && item.lines().count() == 2, "{}", new.text);
        }
    }

    #[test]
    fn no_form_of_a_secret_is_left(secret in "[ -~]{8,20}", before in "[a-z ]{0,5}", after in "[a-z ]{0,5}", other in value()) {
        use base64::{Engine as _, engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD}};
        let redactor = Redactor::new(&DigestKey::new([1; 32]), [SecretText::new(secret.clone())]);
        let object = json!({"text": format!("{before}{secret}{after}"), "base64": STANDARD.encode(&secret),
            "within": STANDARD.encode(format!("{before}{secret}{after}")), "url": URL_SAFE_NO_PAD.encode(&secret),
            "json": json!({"x": secret}).to_string(), secret.clone(): [secret.clone()], "other": other});
        let masked = redactor.mask_value(&object);
        for shown in [masked.to_string(), redactor.mask_text(&emit(&object)), redactor.mask_text(&object.to_string())] {
            prop_assert!(!shown.contains(&secret), "{}", shown);
            prop_assert!(!shown.contains(STANDARD.encode(&secret).trim_end_matches('=')), "{}", shown);
        }
        prop_assert_eq!(redactor.mask_value(&masked), masked.clone());
        prop_assert_eq!(redactor.unmask(&masked, &object).unwrap(), object);
    }

    #[test]
    fn a_unified_diff_is_empty_only_for_equal_texts(old in "([ab]\n){0,8}", new in "([ab]\n){0,8}") {
        let diff = unified(&old, &new, Labels { current: "a", pending: "b" });
        prop_assert_eq!(diff.is_empty(), old == new);
    }
}
