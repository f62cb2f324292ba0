//! The rest of the fleet follows in two stages.

use std::ops::ControlFlow;

use serde_json::{Value, json};
use strata_cli::{exit::Code, operations};
use tokio::sync::mpsc;

use super::{
    story::Story,
    terminal::{Step, tell, text},
};

/// How many events of a rollout may wait to be looked at.
const EVENTS: usize = 1024;

impl Story {
    pub(super) async fn roll_out(&mut self) -> Step {
        if !self.fleet.has_stages() {
            return Ok(());
        }
        self.terminal.step("A rollout: the other clusters follow, canaries first");
        self.terminal.say(
            "Two stages by label. Production starts when every canary has proved the new version and its health after its own \
             upgrade. At most two clusters at once; a second failure would halt everything.",
        );
        let target = self.fleet.target("1.1.0");
        let create = [
            "rollout",
            "create",
            "spring",
            "--profile",
            &target,
            "--stage",
            "canary:stage=canary;concurrency=1",
            "--stage",
            "production:stage=prod;concurrency=2",
            "--failure-budget",
            "1",
            "--start",
        ];
        self.alice(&create).await?;
        let data = self.terminal.ask(&self.alice, operations::ROLLOUT_LIST, json!({ "first": 1 })).await?;
        let id = text(&data, "/rollouts/nodes/0/id");
        self.terminal.say("Each cluster replaces nodes, and each plan is another one: so Bob approves each, by its digest, as they come.");
        self.follow(&id).await?;
        self.alice(&["rollout", "show", &id]).await?;
        self.alice(&["cluster", "list"]).await
    }

    /// Watches the rollout to its end: approves what waits, and pauses and resumes it once on the way.
    async fn follow(&self, id: &str) -> Step {
        let (events, mut incoming) = mpsc::channel::<Value>(EVENTS);
        let client = self.terminal.client(&self.alice)?;
        let watching =
            client.watch(operations::ROLLOUT_PROGRESS, "rolloutProgress", json!({ "id": id }), |item| {
                // A full queue means that the newest state is on its way anyway.
                drop(events.try_send(item.clone()));
                ControlFlow::Continue(())
            });
        let acting = async {
            let (mut paused, mut resumed) = (false, false);
            while let Some(item) = incoming.recv().await {
                let at = text(&item, "/event/at");
                let at = strata_cli::output::time_of_day(&at);
                tell(format_args!("  {at}  {}", text(&item, "/event/summary")));
                let state = text(&item, "/rollout/state");
                if state == "PAUSED" && !resumed {
                    resumed = true;
                    self.terminal.say("Paused: nothing is sent any more. And on again.");
                    self.alice(&["rollout", "resume", id]).await?;
                } else if state == "RUNNING" {
                    let second_stage = item.pointer("/rollout/stages/1/active") == Some(&json!(true));
                    if second_stage && !paused {
                        paused = true;
                        self.terminal
                            .say("The canaries are done. A pause before production, to look around:");
                        self.alice(&["rollout", "pause", id, "--reason", "looking at the canaries"]).await?;
                        continue;
                    }
                    self.approve_waiting().await?;
                } else if matches!(state.as_str(), "SUCCEEDED" | "HALTED" | "ABORTED") {
                    return Ok(state);
                }
            }
            Err::<String, super::terminal::StepError>("the events of the rollout ended early".into())
        };
        let state = tokio::select! {
            state = acting => state?,
            watched = watching => {
                watched?;
                // All items were handed over before the subscription completed; the last one says how it ended.
                let data = self.terminal.ask(&self.alice, operations::ROLLOUT_SHOW, json!({ "id": id })).await?;
                text(&data, "/rollout/state")
            }
        };
        if state == "SUCCEEDED" { Ok(()) } else { Err(format!("the rollout ended {state}").into()) }
    }

    /// Bob approves all repaves that wait.
    async fn approve_waiting(&self) -> Step {
        let data = self.terminal.ask(&self.bob, operations::PENDING_REPAVES, json!({ "first": 100 })).await?;
        for change in data.pointer("/pendingRepaves/nodes").and_then(Value::as_array).into_iter().flatten() {
            let (change, digest) = (text(change, "/id"), text(change, "/planDigest"));
            let approve = ["approve", &change, "--plan", &digest, "--reason", "spring release"];
            // Two events may tell of the same one.
            self.terminal.run(&self.bob, &approve, &[Code::Ok, Code::Refused]).await?;
        }
        Ok(())
    }
}
