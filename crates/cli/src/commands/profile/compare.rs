//! `strata profile diff`

use serde_json::{Value, json};

use super::{
    super::{Outcome, field_change, list, text},
    wish,
};
use crate::{
    client::Client,
    exit::Code,
    operations,
    output::{Output, out},
};

pub(super) async fn compare(
    client: &Client,
    output: &Output,
    from: &str,
    to: &str,
    kube_version: Option<String>,
    api_versions: Vec<String>,
) -> Outcome {
    let variables = json!({
        "from": wish::revision(from)?, "to": wish::revision(to)?,
        "kubernetesVersion": kube_version, "apiVersions": api_versions,
    });
    let data = client.query(operations::PROFILE_COMPARE, variables).await?;
    let found = data.get("compareProfileVersions").cloned().unwrap_or_default();
    let same = found.get("isEmpty") == Some(&Value::Bool(true));
    if output.is_for_people() {
        show(output, &found);
        if same {
            output.say("nothing differs");
        }
    } else {
        output.document(&found);
    }
    Ok(if same { Code::Ok } else { Code::Changes })
}

fn show(output: &Output, found: &Value) {
    let word = |difference: &str| match difference {
        "ADDED" => output.paint("added  ", "32"),
        "REMOVED" => output.paint("removed", "31"),
        _ => output.paint("changed", "33"),
    };
    for layer in list(found, "layers") {
        let packs = match (text(layer, "packBefore"), text(layer, "packAfter")) {
            ("", pack) | (pack, "") => pack.to_owned(),
            (before, after) if before == after => before.to_owned(),
            (before, after) => format!("{before} → {after}"),
        };
        let moved = if layer.get("moved") == Some(&Value::Bool(true)) { ", moved" } else { "" };
        let title = format!("layer {} ({packs}{moved})", text(layer, "layer"));
        out!("{} {}", word(text(layer, "difference")), output.paint(&title, "1"));
        changes(list(layer, "settings"));
        output.diff(text(layer, "diff"));
    }
    for variable in list(found, "variables") {
        out!("{} variable {}", word(text(variable, "difference")), text(variable, "name"));
        changes(list(variable, "changes"));
    }
    for object in list(found, "objects") {
        let key = object.get("object").cloned().unwrap_or_default();
        let place = match text(&key, "namespace") {
            "" => text(&key, "name").to_owned(),
            namespace => format!("{namespace}/{}", text(&key, "name")),
        };
        out!(
            "{} {} {place} (layer {})",
            word(text(object, "difference")),
            text(&key, "kind"),
            text(object, "layer")
        );
        changes(list(object, "changes"));
    }
    for problem in list(found, "notRendered") {
        out!("{} {}", output.paint("objects are not compared:", "33"), text(problem, "message"));
    }
}

fn changes(changes: &[Value]) {
    for change in changes {
        out!("    {}", field_change(change));
    }
}
