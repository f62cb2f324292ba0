//! `strata apply`, `strata approve`, `strata change …`

use std::{ops::ControlFlow, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{Outcome, preview, profile::found, requirement_named, wish};
use crate::{
    arguments::{ApplyArguments, ApproveArguments, ChangeCommand},
    client::Client,
    exit::{CliError, Code},
    operations::{self, Operation},
    output::{Output, out, time_of_day},
};

pub(super) async fn apply(client: &Client, output: &Output, arguments: ApplyArguments) -> Outcome {
    let mut input = wish::input(&arguments.cluster, &arguments.wish)?;
    if let Some(map) = input.as_object_mut() {
        map.insert("applyWhenReady".to_owned(), json!(true));
        map.insert("expectedPlanDigest".to_owned(), json!(arguments.plan));
        map.insert("reason".to_owned(), json!(arguments.reason));
        map.insert("idempotencyKey".to_owned(), json!(arguments.idempotency_key));
    }
    let payload = client.mutate(operations::CHANGE_REQUEST, "requestUpgrade", input).await?;
    follow(client, output, &payload, arguments.watch).await
}

pub(super) async fn approve(client: &Client, output: &Output, arguments: ApproveArguments) -> Outcome {
    let input =
        json!({ "changeId": arguments.change, "planDigest": arguments.plan, "reason": arguments.reason });
    let (operation, field) = if arguments.repave_only {
        (operations::REPAVE_APPROVE, "approveRepave")
    } else {
        (operations::CHANGE_APPROVE, "approveChange")
    };
    let payload = client.mutate(operation, field, input).await?;
    show(output, payload.get("change").unwrap_or(&Value::Null));
    Ok(Code::Ok)
}

pub(super) async fn run(client: &Client, output: &Output, command: ChangeCommand) -> Outcome {
    let act = async |operation: Operation, field: &str, input: Value| -> Outcome {
        let payload = client.mutate(operation, field, input).await?;
        show(output, payload.get("change").unwrap_or(&Value::Null));
        Ok(Code::Ok)
    };
    match command {
        ChangeCommand::List { pending_repaves: true, .. } => {
            let rows = client.all(operations::PENDING_REPAVES, json!({}), "/pendingRepaves").await?;
            output.rows(&rows, &COLUMNS, "No repave waits for approval.");
            Ok(Code::Ok)
        }
        ChangeCommand::List { cluster, .. } => {
            let variables = json!({ "filter": { "cluster": cluster } });
            let rows = client.all(operations::CHANGE_LIST, variables, "/changes").await?;
            output.rows(&rows, &COLUMNS, "There are no changes.");
            Ok(Code::Ok)
        }
        ChangeCommand::Show { id } => {
            let data = client.send(operations::CHANGE_SHOW, json!({ "id": id })).await?;
            let change = found(data.get("change"), "change", &id)?;
            show(output, &change);
            if output.is_for_people() {
                let history =
                    change.pointer("/history/nodes").and_then(Value::as_array).cloned().unwrap_or_default();
                output.say("");
                output.rows(&history, &[("AT", "/at"), ("BY", "/actor"), ("WHAT", "/summary")], "");
            }
            Ok(Code::Ok)
        }
        ChangeCommand::Plan { id, markdown } => {
            let data = client.send(operations::CHANGE_PLAN, json!({ "id": id })).await?;
            let change = found(data.get("change"), "change", &id)?;
            let plan = found(change.get("plan"), "plan of the change", &id)?;
            let state = change.get("state").and_then(Value::as_str).unwrap_or_default();
            if !["PLANNED", "AWAITING_APPROVAL", "SCHEDULED"].contains(&state)
                && (markdown || output.is_for_people())
            {
                let more = if state == "STALE" {
                    ": what it was planned on has moved, so that it holds no more"
                } else {
                    ""
                };
                out!("The change is {state}{more}.\n");
            }
            if markdown {
                out!("{}", preview::markdown::plan(&plan));
            } else {
                preview::plan::show(output, &plan);
            }
            Ok(Code::Ok)
        }
        ChangeCommand::Watch { id } => watch(client, output, &id).await,
        ChangeCommand::Apply { id, plan } => {
            act(operations::CHANGE_APPLY, "applyChange", json!({ "changeId": id, "planDigest": plan })).await
        }
        ChangeCommand::Reject { id, reason } => {
            act(operations::REPAVE_REJECT, "rejectRepave", json!({ "changeId": id, "reason": reason })).await
        }
        ChangeCommand::Withdraw { id } => {
            act(operations::APPROVAL_WITHDRAW, "withdrawApproval", json!({ "changeId": id })).await
        }
        ChangeCommand::Cancel { id, reason } => {
            act(operations::CHANGE_CANCEL, "cancelChange", json!({ "changeId": id, "reason": reason })).await
        }
        ChangeCommand::Retry { id } => {
            act(operations::CHANGE_RETRY, "retryChange", json!({ "changeId": id })).await
        }
        ChangeCommand::Replan { id } => {
            act(operations::CHANGE_REPLAN, "replanChange", json!({ "changeId": id })).await
        }
        ChangeCommand::RollBack { id, reason } => {
            act(operations::CHANGE_ROLL_BACK, "rollBackChange", json!({ "changeId": id, "reason": reason }))
                .await
        }
        ChangeCommand::Acknowledge { id, plan, reason } => {
            let input = json!({ "changeId": id, "planDigest": plan, "reason": reason });
            act(operations::CHANGE_ACKNOWLEDGE, "acknowledgeFindings", input).await
        }
        ChangeCommand::Explain { id } => {
            let data = client.send(operations::EXPLAIN_WAIT, json!({ "id": id })).await?;
            let reasons = data.get("explainWait").and_then(Value::as_array).cloned().unwrap_or_default();
            let columns =
                [("CODE", "/code"), ("WHY", "/message"), ("SINCE", "/since"), ("NEXT", "/nextAction")];
            output.rows(&reasons, &columns, "It waits for nothing.");
            Ok(Code::Ok)
        }
    }
}

const COLUMNS: [crate::output::Column; 7] = [
    ("CHANGE", "/id"),
    ("CLUSTER", "/cluster"),
    ("KIND", "/kind"),
    ("TO", "/target"),
    ("STATE", "/state"),
    ("BY", "/requestedBy"),
    ("PLAN", "/planDigest"),
];

/// Shows the change of a payload, and watches it where that was asked for.
pub(super) async fn follow(client: &Client, output: &Output, payload: &Value, wait: bool) -> Outcome {
    let change = payload.get("change").cloned().unwrap_or_default();
    // What is blocked goes on by nobody: there is nothing to wait for.
    if is_blocked(&change) {
        show(output, &change);
        output.say("It is blocked and will not be applied: mend what the findings name, then ask anew. `strata change plan` has them.");
        return Ok(Code::Blocked);
    }
    if !wait {
        show(output, &change);
        return Ok(Code::Ok);
    }
    let id = change.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    watch(client, output, &id).await
}

/// Watches a change until it ends, with a progress bar on a terminal and a line per event elsewhere.
async fn watch(client: &Client, output: &Output, id: &str) -> Outcome {
    let bar = if output.is_for_people() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{bar:30.green} {pos}/{len} {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    let mut last = Value::Null;
    let result = client
        .watch(operations::CHANGE_PROGRESS, "changeProgress", json!({ "id": id }), |item| {
            let summary = item.pointer("/event/summary").and_then(Value::as_str).unwrap_or_default();
            let at = item.pointer("/event/at").and_then(Value::as_str).unwrap_or_default();
            last = item.get("change").cloned().unwrap_or_default();
            let steps = last.get("steps").and_then(Value::as_array).cloned().unwrap_or_default();
            let sum = |key: &str| steps.iter().filter_map(|step| step.get(key)?.as_u64()).sum::<u64>();
            bar.set_length(sum("total"));
            bar.set_position(sum("done"));
            bar.set_message(summary.to_owned());
            if output.is_for_people() {
                let at = time_of_day(at);
                bar.suspend(|| out!("{at}  {summary}"));
            }
            ControlFlow::Continue(())
        })
        .await;
    bar.finish_and_clear();
    result?;
    if last.is_null() {
        return Err(CliError::Answer("the subscription ended without a word".to_owned()));
    }
    show(output, &last);
    let succeeded = last.get("state") == Some(&json!("SUCCEEDED"));
    Ok(if succeeded { Code::Ok } else { Code::NotSucceeded })
}

fn is_blocked(change: &Value) -> bool {
    change.get("blockedBy").and_then(Value::as_array).is_some_and(|codes| !codes.is_empty())
}

fn show(output: &Output, change: &Value) {
    let lines = [
        ("change", "/id"),
        ("cluster", "/cluster"),
        ("kind", "/kind"),
        ("to", "/target"),
        ("state", "/state"),
        ("blocked by", "/blockedBy"),
        ("moved", "/moved"),
        ("failure", "/failure/message"),
        ("way out", "/failure/help"),
        ("plan", "/planDigest"),
    ];
    output.record(change, &lines);
    if !output.is_for_people() {
        return;
    }
    // Only what waits for an approval can be approved.
    let waits = change.get("state") == Some(&json!("AWAITING_APPROVAL")) && !is_blocked(change);
    let requirements = change.get("requirements").and_then(Value::as_array).into_iter().flatten();
    for requirement in requirements.filter(|_| waits) {
        if requirement.get("satisfied") == Some(&Value::Bool(false)) {
            let needed = requirement_named(requirement);
            output.say(&format!("{} {needed}", output.paint("needs approval:", "33;1")));
            let id = change.get("id").and_then(Value::as_str).unwrap_or_default();
            let digest = change.get("planDigest").and_then(Value::as_str).unwrap_or_default();
            output.say(&format!("  strata approve {id} --plan {digest} --reason '…'"));
        }
    }
    for step in change.get("steps").and_then(Value::as_array).into_iter().flatten() {
        let text = |key: &str| step.get(key).and_then(Value::as_str).unwrap_or_default();
        let number = |key: &str| step.get(key).and_then(Value::as_u64).unwrap_or_default();
        let line = format!(
            "  {:32} {:10} {}/{} {}",
            text("title"),
            text("state"),
            number("done"),
            number("total"),
            text("message")
        );
        output.say(line.trim_end());
    }
}
