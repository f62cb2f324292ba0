//! Broken profiles, and what is said about each: every problem, at its place, in words to act on.
//!
//! The cases are in `broken_profiles/cases.yaml`, what is said in the snapshots beside it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail them")]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use strata_model::{
    digest::{Digest, DigestKey},
    pack::{Pack, PackFiles, PackReference},
    problem::Problem,
    profile::{Layer, ProfileContent, ProfileType},
};
use strata_plan::validate;
use strata_render::{Given, load_pack, render_profile};

const CASES: &str = include_str!("broken_profiles/cases.yaml");

fn pack(name: &str, said: &Value) -> Pack {
    let text = |key: &str, default: &str| said.get(key).and_then(Value::as_str).unwrap_or(default).to_owned();
    let mut description = json!({
        "name": name, "displayName": name, "version": text("version", "1.0.0"), "layer": text("layer", "addon"),
    });
    if let Some(constraints) = said.get("constraints") {
        description["constraints"] = constraints.clone();
    }
    let mut files = PackFiles::from([("pack.json".to_owned(), description.to_string().into_bytes())]);
    for (path, text) in said.as_object().unwrap() {
        if path.contains('.') || path.contains('/') {
            files.insert(path.clone(), text.as_str().unwrap().as_bytes().to_vec());
        }
    }
    load_pack(&files).unwrap_or_else(|problems| panic!("{name}: {problems:#?}")).pack
}

struct Case {
    name: String,
    profile_type: ProfileType,
    content: ProfileContent,
    packs: BTreeMap<Digest, Pack>,
}

fn case(said: &Value) -> Case {
    let list = |key: &str| said.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let by_name: BTreeMap<&String, Pack> =
        said["packs"].as_object().unwrap().iter().map(|(name, said)| (name, pack(name, said))).collect();
    let layers = list("layers").into_iter().map(|mut layer| {
        let name = layer["pack"].as_str().unwrap().to_owned();
        layer["pack"] = match by_name.get(&name) {
            Some(pack) => serde_json::to_value(PackReference {
                name,
                version: pack.version.clone(),
                digest: pack.digest(),
            })
            .unwrap(),
            None => json!({"name": name, "version": "1.0.0", "digest": Digest::of_content(b"nothing")}),
        };
        if layer.get("kind").is_none() {
            layer["kind"] = json!("ADDON");
        }
        serde_json::from_value::<Layer>(layer).unwrap()
    });
    let variables = list("variables").into_iter().map(|variable| serde_json::from_value(variable).unwrap());
    Case {
        name: said["name"].as_str().unwrap().to_owned(),
        profile_type: serde_json::from_value(said["type"].clone()).unwrap(),
        content: ProfileContent { layers: layers.collect(), variables: variables.collect() },
        packs: by_name.into_values().map(|pack| (pack.digest(), pack)).collect(),
    }
}

fn said(problem: &Problem) -> String {
    let help =
        problem.diagnostic.help.as_deref().map_or_else(String::new, |help| format!("\n  help: {help}"));
    format!("{problem}{help}\n")
}

#[test]
fn every_problem_is_told_at_its_place() {
    let cases = strata_values::parse(CASES, "cases.yaml").unwrap();
    let cases: Vec<Case> = cases.as_array().unwrap().iter().map(case).collect();
    assert!(cases.len() > 20);
    for case in &cases {
        let problems = validate(
            case.profile_type,
            &case.content,
            &case.packs,
            &Given::default(),
            &DigestKey::new([7; 32]),
        );
        let told: String = problems.iter().map(said).collect();
        insta::with_settings!({ snapshot_path => "broken_profiles", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(case.name.as_str(), told);
        });
        // What the renderer refuses is always an error.
        let rendered = render_profile(&case.content, &case.packs, &Given::default());
        let untried = problems.iter().any(|problem| problem.diagnostic.code == "NOT_TRIED");
        let required = case.content.variables.iter().any(|variable| variable.required);
        if rendered.is_err() && !untried && !required {
            assert!(problems.iter().any(Problem::is_error), "{}: {rendered:#?}", case.name);
        }
    }
}
