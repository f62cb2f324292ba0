//! `strata orphans …`

use serde_json::{Value, json};

use super::{Outcome, change, preview};
use crate::{
    arguments::{OrphanArguments, OrphansCommand},
    client::Client,
    exit::Code,
    operations::{self, Operation},
    output::Output,
};

pub(super) async fn run(client: &Client, output: &Output, command: OrphansCommand) -> Outcome {
    match command {
        OrphansCommand::List { cluster, all } => {
            let states = if all { Value::Null } else { json!(["LEFT", "SCALED_TO_ZERO"]) };
            let variables = json!({ "filter": { "cluster": cluster, "states": states } });
            let rows = client.all(operations::ORPHAN_LIST, variables, "/orphans").await?;
            let columns = [
                ("ORPHAN", "/id"),
                ("CLUSTER", "/cluster"),
                ("OBJECT", "/object"),
                ("FROM", "/revision"),
                ("STATE", "/state"),
                ("REACH", "/reach"),
                ("NOTE", "/note"),
                ("SINCE", "/since"),
            ];
            output.rows(&rows, &columns, "Nothing was left behind.");
            Ok(Code::Ok)
        }
        OrphansCommand::Scale(arguments) => {
            decide(
                client,
                output,
                arguments,
                operations::ORPHANS_SCALE,
                "scaleOrphansToZero",
                "SCALE_TO_ZERO",
            )
            .await
        }
        OrphansCommand::Restore(arguments) => {
            decide(client, output, arguments, operations::ORPHANS_RESTORE, "restoreOrphans", "RESTORE").await
        }
        OrphansCommand::Delete(arguments) => {
            decide(client, output, arguments, operations::ORPHANS_DELETE, "deleteOrphans", "DELETE").await
        }
        OrphansCommand::Keep(arguments) => {
            decide(client, output, arguments, operations::ORPHANS_KEEP, "keepOrphans", "KEEP").await
        }
    }
}

async fn decide(
    client: &Client,
    output: &Output,
    arguments: OrphanArguments,
    operation: Operation,
    field: &str,
    decision: &str,
) -> Outcome {
    let mut input = json!({ "cluster": arguments.cluster, "orphanIds": arguments.ids });
    if arguments.preview {
        input["decision"] = json!(decision);
        if let Some(project) = &client.project {
            input["project"] = json!(project);
        }
        let data = client.send(operations::PREVIEW_ORPHAN_CLEANUP, json!({ "input": input })).await?;
        let plan = data.get("previewOrphanCleanup").cloned().unwrap_or_default();
        preview::plan::show(output, &plan);
        return Ok(preview::exit::of_plan(&plan, &[]));
    }
    input["reason"] = json!(arguments.reason);
    input["applyWhenReady"] = json!(true);
    let payload = client.mutate(operation, field, input).await?;
    change::follow(client, output, &payload, arguments.watch).await
}
