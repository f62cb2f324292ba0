use serde_json::json;

use super::*;
use crate::patch::{apply, derive};

fn path(text: &str) -> ValuePath {
    text.parse().unwrap()
}

fn set(at: &str, value: Value) -> PatchOperation {
    PatchOperation::Set { path: path(at), value }
}

fn decide(at: &str, choice: ResolutionChoice) -> Vec<Resolution> {
    vec![Resolution { path: path(at), choice }]
}

/// Runs the merge and checks the law that holds for every one.
fn merge(base: &Value, ours: &[PatchOperation], theirs: &Value, resolutions: &[Resolution]) -> ThreeWay {
    let outcome = three_way(base, &Patch(ours.to_vec()), theirs, resolutions);
    assert_eq!(apply(&outcome.patch, theirs).unwrap(), outcome.value);
    outcome
}

#[test]
fn changes_at_different_places_meet() {
    let base = json!({"replicas": 1, "image": {"tag": "1", "pull": "Always"}});
    let theirs = json!({"replicas": 1, "image": {"tag": "2", "pull": "Always"}, "api": {"enabled": true}});
    let outcome = merge(&base, &[set("replicas", json!(5)), set("image.pull", Value::Null)], &theirs, &[]);
    assert_eq!(
        outcome.value,
        json!({"replicas": 5, "image": {"tag": "2", "pull": null}, "api": {"enabled": true}})
    );
    assert!(outcome.conflicts.is_empty() && outcome.redundant.is_empty());
}

#[test]
fn a_place_that_both_changed_is_decided() {
    let (base, theirs) = (json!({"a": 1}), json!({"a": 3}));
    let ours = [set("a", json!(2))];
    let outcome = merge(&base, &ours, &theirs, &[]);
    let conflict = &outcome.conflicts[0];
    assert_eq!(
        (conflict.kind, &conflict.base, &conflict.ours, &conflict.theirs),
        (ConflictKind::BothChanged, &Some(json!(1)), &Some(json!(2)), &Some(json!(3)))
    );
    assert_eq!((outcome.unresolved().count(), &outcome.value), (1, &json!({"a": 2})));
    for (choice, value, operations) in [
        (ResolutionChoice::KeepOverride, json!({"a": 2}), 1),
        (ResolutionChoice::TakeProfile, json!({"a": 3}), 0),
        (ResolutionChoice::Edit { value: json!(4) }, json!({"a": 4}), 1),
    ] {
        let outcome = merge(&base, &ours, &theirs, &decide("a", choice));
        assert_eq!((outcome.unresolved().count(), outcome.patch.0.len()), (0, operations));
        assert_eq!((outcome.value, outcome.conflicts.len()), (value, 1));
    }
}

#[test]
fn what_both_changed_alike_stays_and_is_marked() {
    let base = json!({"a": 1, "b": 1, "l": [{"name": "x"}]});
    let theirs = json!({"a": 2, "l": [{"name": "x"}, {"name": "n", "v": 1}]});
    let ours = [
        set("a", json!(2)),
        PatchOperation::Remove { path: path("b") },
        PatchOperation::Insert {
            list: path("l"),
            value: json!({"name": "n", "v": 1}),
            key: None,
            before: None,
        },
    ];
    let outcome = merge(&base, &ours, &theirs, &[]);
    assert_eq!(outcome.redundant, [path("a"), path("b"), path("l[name=n]")]);
    assert_eq!((outcome.patch.0.len(), outcome.conflicts.len(), outcome.value), (3, 0, theirs));
}

#[test]
fn a_parent_that_went_or_changed_is_a_conflict() {
    let base = json!({"db": {"size": 1, "host": "x"}});
    let ours = [set("db.size", json!(9))];
    for (theirs, kind) in [
        (json!({}), ConflictKind::ParentRemoved),
        (json!({"db": "external"}), ConflictKind::ParentReplaced),
        (json!({"db": null}), ConflictKind::ParentReplaced),
        (json!({"db": [1]}), ConflictKind::ParentReplaced),
    ] {
        let outcome = merge(&base, &ours, &theirs, &[]);
        assert_eq!(outcome.conflicts.iter().map(|conflict| conflict.kind).collect::<Vec<_>>(), [kind]);
        assert_eq!(outcome.value, json!({"db": {"size": 9}}));
        let taken = merge(&base, &ours, &theirs, &decide("db.size", ResolutionChoice::TakeProfile));
        assert_eq!((taken.value, taken.patch.is_empty()), (theirs, true));
    }
}

#[test]
fn an_item_that_went_comes_back_whole_when_kept() {
    let base = json!({"c": [{"name": "a"}, {"name": "side", "image": "s:1", "cpu": 1}, {"name": "z"}]});
    let theirs = json!({"c": [{"name": "a", "new": 1}, {"name": "z"}]});
    let outcome = merge(&base, &[set("c[name=side].cpu", json!(2))], &theirs, &[]);
    assert_eq!(outcome.conflicts[0].kind, ConflictKind::ParentRemoved);
    assert_eq!(
        outcome.value,
        json!({"c": [{"name": "a", "new": 1}, {"name": "side", "image": "s:1", "cpu": 2}, {"name": "z"}]})
    );
}

#[test]
fn an_insertion_finds_another_neighbour() {
    let base = json!({"c": [{"name": "a"}, {"name": "b"}, {"name": "c"}]});
    let ours =
        derive(&base, &json!({"c": [{"name": "a"}, {"name": "n"}, {"name": "b"}, {"name": "c"}]})).patch;
    let theirs = json!({"c": [{"name": "a"}, {"name": "c"}, {"name": "d"}]});
    let outcome = merge(&base, &ours.0, &theirs, &[]);
    assert_eq!(outcome.value, json!({"c": [{"name": "a"}, {"name": "n"}, {"name": "c"}, {"name": "d"}]}));
    assert!(outcome.conflicts.is_empty());
}

#[test]
fn what_lies_below_a_decision_follows_it() {
    let (base, theirs) = (json!({"a": {"x": 1}}), json!({"a": {"x": 2}}));
    let ours = [set("a", json!({"y": 1})), set("a.z", json!(2))];
    let kept = merge(&base, &ours, &theirs, &[]);
    assert_eq!((kept.value, kept.conflicts.len()), (json!({"a": {"y": 1, "z": 2}}), 1));
    let taken = merge(&base, &ours, &theirs, &decide("a", ResolutionChoice::TakeProfile));
    assert_eq!((taken.value, taken.patch.is_empty()), (theirs.clone(), true));
    let edited = merge(&base, &ours, &theirs, &decide("a", ResolutionChoice::Edit { value: json!(7) }));
    assert_eq!(edited.value, json!({"a": 7}));
}

#[test]
fn a_position_in_a_list_that_changed_is_a_conflict() {
    let (base, theirs) = (json!({"l": [1, 2, 3]}), json!({"l": [0, 1, 2, 3]}));
    let outcome = merge(&base, &[set("l[1]", json!(9))], &theirs, &[]);
    assert_eq!(outcome.conflicts[0].kind, ConflictKind::ParentReplaced);
    assert_eq!(outcome.value, json!({"l": [1, 9, 3]}));
}

#[test]
fn two_new_orders_are_a_conflict() {
    let list = |names: [&str; 3]| json!({"l": names.map(|name| json!({"name": name}))});
    let ours = derive(&list(["a", "b", "c"]), &list(["c", "a", "b"])).patch;
    let outcome = merge(&list(["a", "b", "c"]), &ours.0, &list(["b", "a", "c"]), &[]);
    assert_eq!(outcome.conflicts[0].kind, ConflictKind::Reordered);
    let same = merge(&list(["a", "b", "c"]), &ours.0, &list(["a", "b", "c"]), &[]);
    assert_eq!((same.value, same.conflicts.len()), (list(["c", "a", "b"]), 0));
}

#[test]
fn an_override_that_never_fitted_is_listed() {
    let base = json!({"a": 1});
    let outcome = merge(&base, &[set("a.b", json!(1))], &json!({"a": 2}), &[]);
    assert_eq!(outcome.conflicts[0].kind, ConflictKind::Stale);
    assert_eq!(outcome.value, json!({"a": {"b": 1}}));
}

#[test]
fn a_resolution_without_a_conflict_is_told() {
    let base = json!({"a": 1});
    let outcome = merge(&base, &[], &base, &decide("a", ResolutionChoice::TakeProfile));
    assert_eq!(outcome.unused_resolutions, [path("a")]);
}

#[test]
fn an_item_that_is_added_under_a_removed_key_is_a_conflict() {
    let item = |name: &str, value: u8| json!({"name": name, "v": value});
    let base = json!({"c": [item("a", 1), item("b", 2)]});
    let ours = derive(&base, &json!({"c": [item("b", 2)]})).patch;
    let theirs = json!({"c": [item("a", 1), item("b", 2), item("a", 3)]});
    let open = merge(&base, &ours.0, &theirs, &[]);
    let conflict = &open.conflicts[0];
    assert_eq!(
        (conflict.kind, &conflict.base, &conflict.ours, &conflict.theirs),
        (ConflictKind::BothChanged, &Some(item("a", 1)), &None, &Some(json!([item("a", 1), item("a", 3)])))
    );
    assert_eq!(open.value, json!({"c": [item("b", 2)]}));
    let taken = merge(&base, &ours.0, &theirs, &decide("c[name=a]", ResolutionChoice::TakeProfile));
    assert_eq!((taken.value, taken.patch.is_empty()), (theirs, true));
}
