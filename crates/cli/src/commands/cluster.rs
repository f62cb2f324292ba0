//! `strata cluster …`

use serde_json::{Value, json};

use super::{Outcome, pairs, profile::found, read_text, wish::profile_filter};
use crate::{
    arguments::ClusterCommand,
    client::Client,
    exit::{CliError, Code},
    operations,
    output::Output,
};

pub(super) async fn run(client: &Client, output: &Output, command: ClusterCommand) -> Outcome {
    match command {
        ClusterCommand::Register {
            name,
            kubeconfig,
            management_cluster,
            namespace,
            cluster_api_name,
            labels,
            cloud,
            region,
        } => {
            let infrastructure = match (kubeconfig, management_cluster) {
                (Some(path), _) => json!({ "imported": { "kubeconfig": read_text(&path)? } }),
                (None, Some(management)) => json!({ "clusterApi": {
                    "managementCluster": management,
                    "namespace": namespace.unwrap_or_else(|| "default".to_owned()),
                    "name": cluster_api_name.unwrap_or_else(|| name.clone()),
                } }),
                (None, None) => {
                    return Err(CliError::Usage(
                        "give --kubeconfig to import a cluster, or --management-cluster to have it provisioned"
                            .to_owned(),
                    ));
                }
            };
            let input = json!({
                "name": name, "infrastructure": infrastructure, "labels": pairs(&labels),
                "cloud": cloud, "region": region,
            });
            let payload = client.mutate(operations::CLUSTER_REGISTER, "registerCluster", input).await?;
            let lines = [
                ("name", "/name"),
                ("state", "/state"),
                ("connectivity", "/connectivity/value"),
                ("reason", "/connectivity/reason"),
                ("kubernetes", "/kubernetesVersion"),
            ];
            output.record(payload.get("cluster").unwrap_or(&Value::Null), &lines);
        }
        ClusterCommand::Label { name, labels } => {
            let input = json!({ "name": name, "labels": pairs(&labels) });
            let payload = client.mutate(operations::CLUSTER_UPDATE, "updateCluster", input).await?;
            output.record(
                payload.get("cluster").unwrap_or(&Value::Null),
                &[("name", "/name"), ("labels", "/labels")],
            );
        }
        ClusterCommand::Deregister { name, reason } => {
            let input = json!({ "name": name, "reason": reason });
            let payload = client.mutate(operations::CLUSTER_DEREGISTER, "deregisterCluster", input).await?;
            output.record(
                payload.get("cluster").unwrap_or(&Value::Null),
                &[("name", "/name"), ("phase", "/phase/value")],
            );
        }
        ClusterCommand::List { labels, profile, kubernetes, named_macro, pending_updates } => {
            let profile = profile.as_deref().map(profile_filter).transpose()?;
            let variables = json!({ "filter": {
                "labels": pairs(&labels),
                "profile": profile,
                "kubernetesVersion": kubernetes,
                "macro": named_macro,
                "pendingUpdates": pending_updates.then_some(true),
            } });
            let rows = client.all(operations::CLUSTER_LIST, variables, "/clusters").await?;
            let columns = [
                ("NAME", "/name"),
                ("STATE", "/state"),
                ("CONNECTIVITY", "/connectivity/value"),
                ("HEALTH", "/health/value"),
                ("KUBERNETES", "/kubernetesVersion"),
                ("PROFILES", "/applied/attachments"),
                ("LABELS", "/labels"),
            ];
            output.rows(
                &rows,
                &columns,
                "There are no clusters here. Register one with `strata cluster register`.",
            );
        }
        ClusterCommand::Show { name } => {
            let data = client.query(operations::CLUSTER_SHOW, json!({ "name": name })).await?;
            let mut cluster = found(data.get("cluster"), "cluster", &name)?;
            if output.is_for_people() {
                say_pending(&mut cluster);
            }
            let lines = [
                ("name", "/name"),
                ("state", "/state"),
                ("phase", "/phase/value"),
                ("connectivity", "/connectivity/value"),
                ("", "/connectivity/reason"),
                ("health", "/health/value"),
                ("", "/health/reason"),
                ("activity", "/activity/value"),
                ("kubernetes", "/kubernetesVersion"),
                ("infrastructure", "/infrastructure/kind"),
                ("labels", "/labels"),
                ("runs", "/applied/attachments"),
                ("macros", "/applied/macros"),
                ("pending", "/pendingUpdates"),
                ("wanted", "/wanted/attachments"),
                ("change", "/change/id"),
            ];
            output.record(&cluster, &lines);
        }
        ClusterCommand::History { name } => {
            let rows =
                client.all(operations::CLUSTER_HISTORY, json!({ "name": name }), "/cluster/changes").await?;
            let rows: Vec<Value> = rows.into_iter().map(with_approvers).collect();
            let columns = [
                ("REQUESTED", "/createdAt"),
                ("BY", "/requestedBy"),
                ("KIND", "/kind"),
                ("TO", "/target"),
                ("STATE", "/state"),
                ("APPROVED BY", "/approvedBy"),
                ("APPROVED AT", "/approvedAt"),
                ("ENDED", "/endedAt"),
                ("CHANGE", "/id"),
            ];
            output.rows(&rows, &columns, "Nothing was done to it yet.");
        }
        ClusterCommand::Summary => {
            let data = client.query(operations::FLEET_SUMMARY, json!({})).await?;
            let mut summary = data.get("fleetSummary").cloned().unwrap_or_default();
            if output.is_for_people() {
                say_profiles(&mut summary);
            }
            let lines = [
                ("clusters", "/total"),
                ("phase", "/phases"),
                ("connectivity", "/connectivity"),
                ("health", "/health"),
                ("activity", "/activity"),
                ("run", "/profiles"),
            ];
            output.record(&summary, &lines);
        }
    }
    Ok(Code::Ok)
}

/// Says what is pending in words.
fn say_pending(cluster: &mut Value) {
    let Some(updates) = cluster.get_mut("pendingUpdates").and_then(Value::as_array_mut) else { return };
    for update in updates {
        let text = |key: &str| update.get(key).and_then(Value::as_str).unwrap_or_default();
        let number = |key: &str| update.get(key).and_then(Value::as_u64).unwrap_or_default();
        *update = Value::String(if text("__typename") == "PendingMacro" {
            format!("macro {}", text("name"))
        } else {
            let (running, newest) = (number("running"), number("newest"));
            format!("{}@{} from revision {running} to {newest}", text("profile"), text("version"))
        });
    }
}

/// Says how many clusters run what in words.
fn say_profiles(summary: &mut Value) {
    let Some(counts) = summary.get_mut("profiles").and_then(Value::as_array_mut) else { return };
    for count in counts {
        let text = |key: &str| count.get(key).and_then(Value::as_str).unwrap_or_default();
        let number = |key: &str| count.get(key).and_then(Value::as_u64).unwrap_or_default();
        let revision = match number("revision") {
            0 | 1 => String::new(),
            revision => format!("#{revision}"),
        };
        *count = Value::String(format!(
            "{}@{}{revision} on {}",
            text("profile"),
            text("version"),
            number("clusters")
        ));
    }
}

/// Adds who approved, and when, as plain columns.
fn with_approvers(mut change: Value) -> Value {
    let approvals: Vec<Value> = change
        .get("requirements")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .flat_map(|requirement| {
            requirement.get("satisfiedBy").and_then(Value::as_array).cloned().unwrap_or_default()
        })
        .collect();
    let column = |key: &str| -> Value {
        let mut words: Vec<&str> =
            approvals.iter().filter_map(|approval| approval.get(key)?.as_str()).collect();
        words.dedup();
        Value::String(words.join(", "))
    };
    let (names, times) = (column("name"), column("at"));
    if let Some(map) = change.as_object_mut() {
        map.insert("approvedBy".to_owned(), names);
        map.insert("approvedAt".to_owned(), times);
    }
    change
}
