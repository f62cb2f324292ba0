//! `strata rollout …`

use std::ops::ControlFlow;

use serde_json::{Value, json};

use super::{Outcome, profile::found, wish};
use crate::{
    arguments::{RolloutArguments, RolloutCommand},
    client::Client,
    exit::{CliError, Code},
    operations::{self, Operation},
    output::{Output, time_of_day},
};

pub(super) async fn run(client: &Client, output: &Output, command: RolloutCommand) -> Outcome {
    let act = async |operation: Operation, field: &str, arguments: RolloutArguments| -> Outcome {
        let input = json!({ "rolloutId": arguments.id, "reason": arguments.reason });
        let payload = client.mutate(operation, field, input).await?;
        show(output, payload.get("rollout").unwrap_or(&Value::Null));
        Ok(Code::Ok)
    };
    match command {
        RolloutCommand::Create { name, profile, stages, failure_budget, start } => {
            let stages: Vec<Value> = stages.iter().map(|text| stage(text)).collect::<Result<_, _>>()?;
            let input = json!({
                "name": name, "target": wish::revision(&profile)?, "stages": stages, "failureBudget": failure_budget,
            });
            let payload = client.mutate(operations::ROLLOUT_CREATE, "createRollout", input).await?;
            let rollout = payload.get("rollout").cloned().unwrap_or_default();
            if !start {
                show(output, &rollout);
                return Ok(Code::Ok);
            }
            let id = rollout.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
            act(operations::ROLLOUT_START, "startRollout", RolloutArguments { id, reason: None }).await
        }
        RolloutCommand::List { profile } => {
            let profile = profile.as_deref().map(wish::profile_filter).transpose()?;
            let variables = json!({ "filter": { "profile": profile } });
            let rows = client.all(operations::ROLLOUT_LIST, variables, "/rollouts").await?;
            let columns = [
                ("ROLLOUT", "/id"),
                ("NAME", "/name"),
                ("TO", "/target"),
                ("STATE", "/state"),
                ("CLUSTERS", "/counts"),
                ("REASON", "/reason"),
            ];
            output.rows(&rows, &columns, "There are no rollouts.");
            Ok(Code::Ok)
        }
        RolloutCommand::Show { id } => {
            let data = client.send(operations::ROLLOUT_SHOW, json!({ "id": id, "first": 100 })).await?;
            let rollout = found(data.get("rollout"), "rollout", &id)?;
            show(output, &rollout);
            if output.is_for_people() {
                let targets =
                    client.all(operations::ROLLOUT_SHOW, json!({ "id": id }), "/rollout/targets").await?;
                let columns = [
                    ("CLUSTER", "/cluster"),
                    ("STAGE", "/stage"),
                    ("STATE", "/state"),
                    ("SINCE", "/since"),
                    ("REASON", "/reason"),
                ];
                output.rows(&targets, &columns, "No cluster matches its stages.");
            }
            Ok(Code::Ok)
        }
        RolloutCommand::Watch { id } => watch(client, output, &id).await,
        RolloutCommand::Start(arguments) => act(operations::ROLLOUT_START, "startRollout", arguments).await,
        RolloutCommand::Pause(arguments) => act(operations::ROLLOUT_PAUSE, "pauseRollout", arguments).await,
        RolloutCommand::Resume(arguments) => {
            act(operations::ROLLOUT_RESUME, "resumeRollout", arguments).await
        }
        RolloutCommand::Abort(arguments) => act(operations::ROLLOUT_ABORT, "abortRollout", arguments).await,
        RolloutCommand::RollBack(arguments) => {
            act(operations::ROLLOUT_ROLL_BACK, "rollBackRollout", arguments).await
        }
        RolloutCommand::ApproveStage { id, stage, reason } => {
            let input = json!({ "rolloutId": id, "stage": stage, "reason": reason });
            let payload = client.mutate(operations::ROLLOUT_APPROVE_STAGE, "approveStage", input).await?;
            show(output, payload.get("rollout").unwrap_or(&Value::Null));
            Ok(Code::Ok)
        }
        RolloutCommand::Retry { id, clusters } => {
            let input = json!({ "rolloutId": id, "clusters": clusters });
            let payload = client.mutate(operations::ROLLOUT_RETRY_TARGETS, "retryTargets", input).await?;
            show(output, payload.get("rollout").unwrap_or(&Value::Null));
            Ok(Code::Ok)
        }
        RolloutCommand::Skip { id, clusters, reason } => {
            let input = json!({ "rolloutId": id, "clusters": clusters, "reason": reason });
            let payload = client.mutate(operations::ROLLOUT_SKIP_TARGETS, "skipTargets", input).await?;
            show(output, payload.get("rollout").unwrap_or(&Value::Null));
            Ok(Code::Ok)
        }
    }
}

async fn watch(client: &Client, output: &Output, id: &str) -> Outcome {
    let mut last = Value::Null;
    client
        .watch(operations::ROLLOUT_PROGRESS, "rolloutProgress", json!({ "id": id }), |item| {
            let text = |pointer: &str| item.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            output.say(&format!("{}  {}", time_of_day(text("/event/at")), text("/event/summary")));
            last = item.get("rollout").cloned().unwrap_or_default();
            ControlFlow::Continue(())
        })
        .await?;
    show(output, &last);
    let succeeded = last.get("state") == Some(&json!("SUCCEEDED"));
    Ok(if succeeded { Code::Ok } else { Code::NotSucceeded })
}

fn show(output: &Output, rollout: &Value) {
    let lines = [
        ("rollout", "/id"),
        ("name", "/name"),
        ("to", "/target"),
        ("state", "/state"),
        ("reason", "/reason"),
        ("clusters", "/counts"),
    ];
    output.record(rollout, &lines);
    if output.is_for_people() {
        let stages = rollout.get("stages").and_then(Value::as_array).cloned().unwrap_or_default();
        let columns = [
            ("STAGE", "/name"),
            ("SELECTOR", "/selector"),
            ("AT ONCE", "/maxConcurrency"),
            ("SOAK", "/soakSeconds"),
            ("ACTIVE", "/active"),
        ];
        output.rows(&stages, &columns, "");
    }
}

/// `name:key=value[,key=value][;concurrency=N][;soak=SECONDS][;approval]`
fn stage(text: &str) -> Result<Value, CliError> {
    let wrong = |what: &str| {
        CliError::Usage(format!(
            "`{text}` is not a stage ({what}): write it like canary:stage=canary;concurrency=5"
        ))
    };
    let (name, rest) = text.split_once(':').ok_or_else(|| wrong("no name"))?;
    let mut parts = rest.split(';');
    let selector: Vec<Value> = parts
        .next()
        .unwrap_or_default()
        .split(',')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').ok_or_else(|| wrong("a label without `=`"))?;
            Ok(json!({ "key": key, "value": value }))
        })
        .collect::<Result<_, CliError>>()?;
    let mut stage = json!({ "name": name, "selector": selector, "maxConcurrency": 1, "soakSeconds": 0, "requiresApproval": false });
    for part in parts {
        let number = |value: &str| value.parse::<u32>().map_err(|_| wrong("not a number"));
        match part.split_once('=') {
            Some(("concurrency", value)) => stage["maxConcurrency"] = json!(number(value)?),
            Some(("soak", value)) => stage["soakSeconds"] = json!(number(value)?),
            None if part == "approval" => stage["requiresApproval"] = json!(true),
            _ => return Err(wrong("unknown setting")),
        }
    }
    Ok(stage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_read() {
        let stage = stage("prod:stage=prod,zone=a;concurrency=5;soak=30;approval").unwrap();
        assert_eq!(stage["selector"][1], json!({ "key": "zone", "value": "a" }));
        assert_eq!((&stage["maxConcurrency"], &stage["requiresApproval"]), (&json!(5), &json!(true)));
        assert!(super::stage("prod").is_err() && super::stage("prod:a=b;x=1").is_err());
    }
}
