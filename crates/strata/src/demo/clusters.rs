//! Clusters are registered, get their first version, and are left.

use std::ops::ControlFlow;

use serde_json::json;
use strata_cli::operations;

use super::{
    fleet::Chapter,
    story::Story,
    terminal::{Step, text},
};

impl Story {
    pub(super) async fn register_clusters(&mut self) -> Step {
        self.terminal.step(match self.fleet.chapter() {
            Chapter::Whole => {
                "Clusters: a management cluster, clusters that it provides, and one that is imported"
            }
            Chapter::AddOns => "A cluster: yours, which somebody else provides",
            Chapter::Machines => "Two more clusters: your management cluster, and one that it will make",
        });
        if let Some(kubeconfig) = self.fleet.management() {
            self.alice(&["cluster", "register", "management", "--kubeconfig", kubeconfig]).await?;
        }
        let namespace = self.fleet.api_namespace();
        for workload in self.fleet.workloads() {
            let label = format!("stage={}", workload.stage);
            let register = ["cluster", "register", &workload.name, "--management-cluster", "management"];
            self.alice(&[&register[..], &["--namespace", namespace, "--label", &label]].concat()).await?;
        }
        if let Some((name, kubeconfig)) = self.fleet.imported() {
            let register = ["cluster", "register", name, "--kubeconfig", kubeconfig];
            self.alice(&[&register[..], &["--label", "stage=branch"]].concat()).await?;
        }
        Ok(())
    }

    pub(super) async fn apply_first_version(&mut self) -> Step {
        self.terminal.step(match self.fleet.chapter() {
            Chapter::Whole => "The first apply: machines, then network and storage, then the application",
            Chapter::AddOns => "The first apply",
            Chapter::Machines => "The first apply: Cluster API makes the machines",
        });
        self.terminal.say(
            "Each step waits for the health of the one before; the change ends when everything is healthy.",
        );
        let target = self.fleet.target("1.0.0");
        if let Some((first, others)) = self.fleet.workloads().split_first() {
            let apply = ["apply", &first.name, "--profile", &target, "--control-plane", "1"];
            let more = ["--pool", self.fleet.workers(), "--reason", "first version"];
            let apply = [&apply[..], &more].concat();
            let watched = [&apply[..], &["--watch"]].concat();
            tokio::select! {
                applied = self.alice(&watched) => applied?,
                unsuitable = self.fleet.until_nobody_answers() => return Err(unsuitable.into()),
            }
            if !others.is_empty() {
                self.terminal.say("The other clusters get the same, all at once.");
            }
            let mut changes = Vec::new();
            for workload in others {
                let mut apply = apply.clone();
                apply[1] = &workload.name;
                self.alice(&apply).await?;
                changes.push(self.newest_change(&workload.name).await?.0);
            }
            for change in changes {
                self.until_succeeded(&change).await?;
            }
        }
        if let Some((name, _)) = self.fleet.imported() {
            let target = "greeting@1.0.0";
            self.alice(&["apply", name, "--profile", target, "--reason", "first version", "--watch"]).await?;
        }
        self.alice(&["cluster", "list"]).await
    }

    /// Takes everything away from a real cluster again, the way anybody would.
    pub(super) async fn leave(&mut self) -> Step {
        let cluster = self.fleet.first().to_owned();
        if self.fleet.chapter() == Chapter::AddOns {
            self.terminal.step("Leaving no trace: detached objects are orphans, and orphans can be deleted");
            let detach =
                ["apply", &cluster, "--detach", self.fleet.profile().0, "--reason", "the demo is over"];
            self.alice(&detach).await?;
            self.approve_and_watch(&cluster).await?;
            self.alice(&["orphans", "delete", &cluster, "--reason", "the demo is over"]).await?;
            self.approve_and_watch(&cluster).await?;
        } else {
            self.terminal.step("Leaving no trace: Strata forgets the clusters");
            self.terminal.say(
                "That deletes nothing. The demo then deletes the Cluster that it made, and Cluster API its machines.",
            );
        }
        self.alice(&["cluster", "deregister", &cluster, "--reason", "the demo is over"]).await?;
        if self.fleet.management().is_some() {
            self.alice(&["cluster", "deregister", "management", "--reason", "the demo is over"]).await?;
        }
        Ok(())
    }

    /// Has the newest change of a cluster approved where it asks for that, and follows it to its end.
    async fn approve_and_watch(&self, cluster: &str) -> Step {
        let (change, digest) = self.newest_change(cluster).await?;
        let data = self.terminal.ask(&self.alice, operations::CHANGE_SHOW, json!({ "id": change })).await?;
        if text(&data, "/change/state") == "AWAITING_APPROVAL" {
            let approve = ["approve", &change, "--plan", &digest, "--reason", "it is only a demo"];
            self.terminal.succeed(&self.bob, &approve).await?;
        }
        self.alice(&["change", "watch", &change]).await
    }

    /// Waits for the end of a change without showing its events.
    async fn until_succeeded(&self, change: &str) -> Step {
        let mut state = String::new();
        let client = self.terminal.client(&self.alice)?;
        client
            .watch(operations::CHANGE_PROGRESS, "changeProgress", json!({ "id": change }), |item| {
                state = text(item, "/change/state");
                ControlFlow::Continue(())
            })
            .await?;
        if state == "SUCCEEDED" { Ok(()) } else { Err(format!("the change {change} ended {state}").into()) }
    }
}
