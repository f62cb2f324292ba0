use serde_json::json;

use super::*;

const TEXT: &str = "# Values of the app.\n\nreplicas: 1 # per zone\nimage:\n  # pinned\n  tag: '1.9'\n\
    env:\n  # first\n  - name: A\n    value: \"1\"\n  - name: B # second\n    value: \"2\"\nlist: []\nnothing:\n";

fn path(text: &str) -> ValuePath {
    text.parse().unwrap()
}

fn edited(at: &str, value: &Value) -> String {
    let edited = set(TEXT, &path(at), value).unwrap();
    assert!(edited.comments_kept, "{at}: {}", edited.text);
    edited.text
}

#[test]
fn one_value_changes_one_line() {
    assert_eq!(edited("replicas", &json!(3)), TEXT.replace("replicas: 1", "replicas: 3"));
    assert_eq!(edited("image.tag", &json!("1.10")), TEXT.replace("'1.9'", "\"1.10\""));
    assert_eq!(edited("env[name=B].value", &json!("x")), TEXT.replace("\"2\"", "x"));
    assert_eq!(edited("replicas", &json!(1)), TEXT);
}

#[test]
fn new_values_and_parents_come_in() {
    for (at, value) in [
        ("new", json!({"a": [1, {"b": "x"}]})),
        ("image.deep.er", json!("a\nb\n")),
        ("nothing.limits.cpu", json!("100m")),
        ("list", json!([{"name": "x"}])),
        ("env[name=A]", json!({"name": "A", "valueFrom": {"x": null}})),
        ("\"a.b/c\".d", json!("yes")),
    ] {
        let text = edited(at, &value);
        assert!(text.contains("# per zone") && text.contains("# pinned"), "{text}");
    }
}

#[test]
fn items_are_added_and_removed_in_place() {
    let wanted = json!({"replicas": 1, "image": {}, "list": [1],
        "env": [{"name": "N", "value": "0"}, {"name": "B", "value": "2"}], "nothing": null});
    let text = rewrite(TEXT, &wanted).unwrap();
    assert!(text.comments_kept && text.text.contains("# second"), "{}", text.text);
    assert_eq!(parse(&text.text, "t").unwrap(), wanted);
}

#[test]
fn a_moved_item_takes_its_comments_along() {
    let key = |name: &str| strata_model::overrides::ItemKey { field: "name".to_owned(), value: json!(name) };
    let text = "a: # ports\n  - name: x # one\n    port: 1 # in\n  - name: z\n    port: 2\n";
    for (item, before) in [("x", None), ("z", Some(key("x")))] {
        let operation = PatchOperation::Move { list: path("a"), item: key(item), before };
        let edited = apply_patch(text, &Patch(vec![operation])).unwrap();
        let expected = "a: # ports\n  - name: z\n    port: 2\n  - name: x # one\n    port: 1 # in\n";
        assert_eq!(edited, Edited { text: expected.to_owned(), comments_kept: true });
    }
}

#[test]
fn what_the_tree_cannot_do_is_written_plainly() {
    let text = "base: &b\n  x: 1 # one\nuse: *b\n";
    let edited = set(text, &path("use.x"), &json!(2)).unwrap();
    assert_eq!(edited, Edited { text: "base:\n  x: 1\nuse:\n  x: 2\n".to_owned(), comments_kept: false });
}

#[test]
fn an_empty_text_takes_values() {
    for text in ["", "# only a comment\n", "{}\n", "---\n"] {
        let edited = set(text, &path("a.b"), &json!(1)).unwrap();
        assert_eq!(parse(&edited.text, "t").unwrap(), json!({"a": {"b": 1}}), "{text:?}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    assert!(matches!(set(TEXT, &path("replicas.x"), &json!(1)), Err(EditError::Patch(_))));
    assert!(matches!(set("a: [", &path("a"), &json!(1)), Err(EditError::Text(_))));
}
