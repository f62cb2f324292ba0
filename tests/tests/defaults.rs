//! What plans take for filled in by Kubernetes is what a real API server fills in.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use strata_cluster::{
    Applied, ApplyOptions, ClusterClient, ClusterError, ConnectOptions, Connection, KubeconfigPolicy, connect,
};
use strata_model::secret::SecretText;
use strata_plan::FILLED_IN;
use strata_tests::ControlPlane;

const OBJECTS: &str = include_str!("defaults.yaml");

/// What an object would become. A new namespace gets its service account a little later, and no Pod is taken before.
async fn filled(client: &ClusterClient, object: &Value) -> Result<Value> {
    let options =
        ApplyOptions { dry_run: true, patience: Duration::from_secs(10), ..ApplyOptions::default() };
    let until = tokio::time::Instant::now() + Duration::from_secs(60);
    let mut tries = tokio::time::interval(Duration::from_millis(250));
    loop {
        tries.tick().await;
        match client.apply(object, &options).await {
            Ok(Applied { live, .. }) => return Ok(live),
            Err(ClusterError::Forbidden { .. }) if tokio::time::Instant::now() < until => {}
            Err(error) => return Err(error).with_context(|| object["kind"].to_string()),
        }
    }
}

/// All values whose path ends with these keys; which item of a list does not matter.
fn found<'v>(value: &'v Value, last: &[&str], around: &mut Vec<&'v str>, values: &mut Vec<&'v Value>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                around.push(key);
                if around.ends_with(last) {
                    values.push(value);
                }
                found(value, last, around, values);
                around.pop();
            }
        }
        Value::Array(items) => items.iter().for_each(|item| found(item, last, around, values)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_plans_take_for_filled_in_is_filled_in() -> Result<()> {
    let Some(plane) = ControlPlane::start_or_leave_out("defaults").await else { return Ok(()) };
    let policy = KubeconfigPolicy { allow_loopback: true, ..KubeconfigPolicy::default() };
    let kubeconfig = Connection::Kubeconfig(SecretText::new(plane.kubeconfig()));
    let client = connect(&kubeconfig, &ConnectOptions { policy, ..ConnectOptions::default() })?;
    let objects =
        strata_values::parse(OBJECTS, "defaults.yaml").map_err(|problem| anyhow::anyhow!("{problem}"))?;
    let mut looked_at = 0;
    let mut wrong = Vec::new();
    for object in objects.as_array().context("no list of objects")? {
        let live = filled(&client, object).await?;
        let kind = object["kind"].as_str().context("an object without a kind")?;
        for (_, last, default) in FILLED_IN.iter().filter(|(kinds, ..)| kinds.contains(&kind)) {
            let (mut said, mut values) = (Vec::new(), Vec::new());
            found(object, last, &mut Vec::new(), &mut said);
            found(&live, last, &mut Vec::new(), &mut values);
            let default: Value = serde_json::from_str(default)?;
            let place = format!("{kind} … {}", last.join("."));
            if !said.is_empty() {
                wrong.push(format!("{place} is said, so that nothing is filled in"));
            }
            if values.is_empty() || values.iter().any(|value| **value != default) {
                wrong.push(format!("{place} should be {default} and is {values:?}"));
            }
            looked_at += 1;
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    let all: usize = FILLED_IN.iter().map(|(kinds, ..)| kinds.len()).sum();
    ensure!(looked_at == all, "{looked_at} of {all} were looked at");
    Ok(())
}

/// What plans take for no change to what cannot change is none to a real API server.
#[tokio::test(flavor = "multi_thread")]
async fn what_says_the_same_may_be_sent_where_nothing_may_change() -> Result<()> {
    let Some(plane) = ControlPlane::start_or_leave_out("defaults").await else { return Ok(()) };
    let policy = KubeconfigPolicy { allow_loopback: true, ..KubeconfigPolicy::default() };
    let kubeconfig = Connection::Kubeconfig(SecretText::new(plane.kubeconfig()));
    let client = connect(&kubeconfig, &ConnectOptions { policy, ..ConnectOptions::default() })?;
    let set = |storage: Value, policy: Option<&str>| {
        let mut set = json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "namespace": "default"},
            "spec": {
                "serviceName": "db", "selector": {"matchLabels": {"app": "db"}},
                "template": {
                    "metadata": {"labels": {"app": "db"}},
                    "spec": {"containers": [{"name": "db", "image": "db:1"}]},
                },
                "volumeClaimTemplates": [{
                    "metadata": {"name": "data"},
                    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}},
                }],
            },
        });
        if let Some(policy) = policy {
            set["spec"]["podManagementPolicy"] = policy.into();
        }
        set
    };
    client.apply(&set(json!("1Gi"), None), &ApplyOptions::default()).await?;
    for (after, refused) in [
        (set(json!("1024Mi"), None), false),
        (set(json!("1073741824"), None), false),
        (set(json!("1Gi"), Some("OrderedReady")), false),
        (set(json!("1Gi"), Some("Parallel")), true),
        (set(json!("2Gi"), None), true),
    ] {
        let options = ApplyOptions { dry_run: true, ..ApplyOptions::default() };
        let answer = client.apply(&after, &options).await;
        ensure!(answer.is_err() == refused, "{after:#}: {answer:?}");
    }
    Ok(())
}
