//! `strata preview …`: the exact effect, for one cluster or for many; readable in a terminal, and fit for CI.

pub(super) mod exit;
mod fleet;
mod live;
pub(super) mod markdown;
pub(super) mod plan;

use std::ops::ControlFlow;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{Outcome, pairs, wish};
use crate::{
    arguments::PreviewArguments,
    client::Client,
    exit::CliError,
    operations,
    output::{Output, out, tell},
};

/// Of how many groups of a fleet preview something is shown: as many as have an example.
const MOST_GROUPS: usize = 100;

pub(super) async fn run(client: &Client, output: &Output, arguments: PreviewArguments) -> Outcome {
    let fail_on = exit::reasons(&arguments.fail_on, arguments.live)?;
    let Some(cluster) = &arguments.cluster else {
        return of_fleet(client, output, &arguments, &fail_on).await;
    };
    let mut input = in_project(client, wish::input(cluster, &arguments.wish)?);
    if let (true, Some(map)) = (arguments.live, input.as_object_mut()) {
        map.insert("live".to_owned(), json!(true));
    }
    let data = client.send(operations::PREVIEW_UPGRADE, json!({ "input": input })).await?;
    let preview = data.get("previewUpgrade").cloned().unwrap_or_default();
    if arguments.markdown {
        out!("{}", markdown::plan(&preview));
    } else {
        plan::show(output, &preview);
    }
    Ok(exit::of_plan(&preview, &fail_on))
}

async fn of_fleet(
    client: &Client,
    output: &Output,
    arguments: &PreviewArguments,
    fail_on: &[String],
) -> Outcome {
    let input = in_project(client, fleet_input(arguments)?);
    // Drawn on a terminal only.
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:20.green} {pos}/{len} {wide_msg}") {
        bar.set_style(style);
    }
    let mut made = Value::Null;
    let result = client
        .watch(
            operations::FLEET_PREVIEW_PROGRESS,
            "fleetPreviewProgress",
            json!({ "input": input }),
            |progress| {
                let number = |key: &str| progress.get(key).and_then(Value::as_u64).unwrap_or(0);
                bar.set_length(number("clusters"));
                bar.set_position(number("lookedAt"));
                bar.set_message(fleet::outcomes(progress));
                made = progress.pointer("/preview/id").cloned().unwrap_or_default();
                if made.is_null() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            },
        )
        .await;
    bar.finish_and_clear();
    result?;
    if made.is_null() {
        return Err(CliError::Answer("the subscription ended without a preview".to_owned()));
    }
    let preview = stored(client, &made).await?;
    if arguments.markdown {
        out!("{}", markdown::fleet(&preview));
    } else {
        fleet::show(output, &preview);
    }
    let none = |key: &str| preview.get(key).and_then(Value::as_u64) == Some(0);
    if none("lookedAt") && none("leftOut") {
        tell!(
            "no cluster was looked at: see that the profile runs somewhere (else name what does with `--running`), and that \
             `--label` and `--kubernetes` are as the clusters have them"
        );
    }
    Ok(exit::of_fleet(&preview, fail_on))
}

/// A fleet preview with as many of its groups as are shown.
async fn stored(client: &Client, id: &Value) -> Result<Value, CliError> {
    let mut preview = Value::Null;
    let mut after = Value::Null;
    loop {
        let page = json!({ "id": id, "after": after });
        let data = client.send(operations::FLEET_PREVIEW_SHOW, page).await?;
        let mut next = data.get("node").cloned().unwrap_or_default();
        if next.is_null() {
            return Err(CliError::Answer("the preview is not there any more".to_owned()));
        }
        let info = next.pointer("/groups/pageInfo").cloned().unwrap_or_default();
        if let Some(groups) = next.get_mut("groups").and_then(Value::as_object_mut) {
            groups.shift_remove("pageInfo");
        }
        if preview.is_null() {
            preview = next;
        } else if let (Some(Value::Array(all)), Some(Value::Array(more))) =
            (preview.pointer_mut("/groups/nodes"), next.pointer_mut("/groups/nodes"))
        {
            all.append(more);
        }
        after = info.get("endCursor").cloned().unwrap_or_default();
        let has_more = info.get("hasNextPage") == Some(&json!(true)) && !after.is_null();
        if !has_more || fleet::groups(&preview).len() >= MOST_GROUPS {
            return Ok(preview);
        }
    }
}

fn in_project(client: &Client, mut input: Value) -> Value {
    if let (Some(project), Some(map)) = (&client.project, input.as_object_mut()) {
        map.insert("project".to_owned(), json!(project));
    }
    input
}

/// Which target on which clusters. What is a cluster's own cannot be wished for all.
fn fleet_input(arguments: &PreviewArguments) -> Result<Value, CliError> {
    let wish = &arguments.wish;
    let own = !(wish.detach.is_empty()
        && wish.set.is_empty()
        && wish.unset.is_empty()
        && wish.variables.is_empty()
        && wish.pools.is_empty()
        && wish.resolve.is_empty())
        || wish.control_plane.is_some()
        || wish.updates
        || wish.release_held
        || wish.roll_back.is_some()
        || wish.input.is_some();
    let [profile] = wish.profiles.as_slice() else {
        return Err(CliError::Usage("name a cluster, or one `--profile NAME@VERSION` for many".to_owned()));
    };
    if own {
        return Err(CliError::Usage("name a cluster: only `--profile` can be previewed on many".to_owned()));
    }
    for (index, (name, value)) in arguments.labels.iter().enumerate() {
        if arguments.labels.iter().take(index).any(|(other, _)| other == name) {
            return Err(CliError::Usage(format!(
                "the label `{name}` is given twice: `{value}` would hide the other"
            )));
        }
    }
    let running = arguments.running.as_deref().map(wish::profile_filter).transpose()?;
    Ok(json!({
        "to": wish::revision(profile)?,
        "filter": {
            "labels": pairs(&arguments.labels),
            "profile": running,
            "kubernetesVersion": arguments.kubernetes,
        },
    }))
}
