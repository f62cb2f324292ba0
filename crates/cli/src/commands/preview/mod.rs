//! `strata preview …`: the exact effect, for one cluster or for many; readable in a terminal, and fit for CI.

pub(super) mod exit;
mod fleet;
mod live;
pub(super) mod markdown;
pub(super) mod plan;

use serde_json::{Value, json};

use super::{Outcome, pairs, wish};
use crate::{
    arguments::PreviewArguments,
    client::Client,
    exit::CliError,
    operations,
    output::{Output, out},
};

pub(super) async fn run(client: &Client, output: &Output, arguments: PreviewArguments) -> Outcome {
    let fail_on = exit::reasons(&arguments.fail_on, arguments.live)?;
    let (operation, field, input) = match &arguments.cluster {
        Some(cluster) => {
            (operations::PREVIEW_UPGRADE, "previewUpgrade", wish::input(cluster, &arguments.wish)?)
        }
        None => (operations::PREVIEW_FLEET_UPGRADE, "previewFleetUpgrade", fleet_input(&arguments)?),
    };
    let mut input = input;
    if let (Some(project), Some(map)) = (&client.project, input.as_object_mut()) {
        map.insert("project".to_owned(), json!(project));
    }
    if let (true, Some(map)) = (arguments.live, input.as_object_mut()) {
        map.insert("live".to_owned(), json!(true));
    }
    let data = client.send(operation, json!({ "input": input })).await?;
    let preview = data.get(field).cloned().unwrap_or_default();
    let of_fleet = arguments.cluster.is_none();
    match (arguments.markdown, of_fleet) {
        (true, true) => out!("{}", markdown::fleet(&preview)),
        (true, false) => out!("{}", markdown::plan(&preview)),
        (false, true) => fleet::show(output, &preview),
        (false, false) => plan::show(output, &preview),
    }
    if of_fleet && preview.get("lookedAt").and_then(Value::as_u64) == Some(0) {
        eprintln!(
            "no cluster was looked at: see that the profile runs somewhere, and that labels are as the clusters have them"
        );
    }
    Ok(if of_fleet { exit::of_fleet(&preview, &fail_on) } else { exit::of_plan(&preview, &fail_on) })
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
