//! One cluster: an override, a preview, an approval, the upgrade.

use serde_json::json;
use strata_cli::{exit::Code, operations};

use super::{
    fleet::Chapter,
    story::Story,
    terminal::{Step, text},
};

impl Story {
    pub(super) async fn override_one_cluster(&mut self) -> Step {
        let cluster = self.fleet.first().to_owned();
        self.terminal.step("An override: one cluster wants something else");
        self.terminal.say(
            "It is kept as a patch against the profile's values, not as a copy of them, so that later versions can still be merged.",
        );
        let set = "hello-universe:manifests.hello-universe.replicas=3";
        self.alice(&["apply", &cluster, "--set", set, "--reason", "more visitors here", "--watch"]).await
    }

    pub(super) async fn preview_upgrade(&mut self) -> Step {
        let (cluster, target) = (self.fleet.first().to_owned(), self.fleet.target("1.1.0"));
        self.terminal.step("A preview: what the new version would do to this cluster, exactly");
        self.terminal.say(
            "For each layer its values now and then, as a diff, in which an override stays; every object; which nodes would be \
             replaced and why; what would be left behind. Exit code 2 says that there are changes. The last line is the \
             plan's digest.",
        );
        self.alice_gets(Code::Changes, &["preview", &cluster, "--profile", &target]).await
    }

    pub(super) async fn approve_upgrade(&mut self) -> Step {
        let (cluster, target) = (self.fleet.first().to_owned(), self.fleet.target("1.1.0"));
        self.terminal.step("An approval: bound to the digest of the plan that was seen");
        self.alice(&["apply", &cluster, "--profile", &target, "--reason", "spring release"]).await?;
        let (change, digest) = self.newest_change(&cluster).await?;
        if !self.fleet.has_machines() {
            self.terminal.say("No nodes are replaced on this cluster, so nothing waits for an approval.");
            return Ok(());
        }
        self.terminal.say("Applying it now is refused, with a code and a way out; and whoever asks may not approve without the role.");
        self.alice_gets(Code::Refused, &["change", "apply", &change, "--plan", &digest]).await?;
        let approve = ["approve", &change, "--plan", &digest, "--reason", "maintenance window agreed"];
        self.alice_gets(Code::Forbidden, &approve).await?;
        self.terminal.say("Bob has the role.");
        self.terminal.succeed(&self.bob, &approve).await
    }

    pub(super) async fn watch_upgrade(&mut self) -> Step {
        let cluster = self.fleet.first().to_owned();
        self.terminal.step(match self.fleet.chapter() {
            Chapter::Whole => "The upgrade, live: control plane, then pools, then add-ons by priority",
            Chapter::AddOns => "The upgrade, live",
            Chapter::Machines => "The upgrade, live: control plane, then pools",
        });
        let (change, _) = self.newest_change(&cluster).await?;
        self.alice(&["change", "watch", &change]).await?;
        self.alice(&["cluster", "show", &cluster]).await
    }

    /// The id and plan digest of the newest change of a cluster.
    pub(super) async fn newest_change(&self, cluster: &str) -> Step<(String, String)> {
        let variables = json!({ "name": cluster, "first": 1 });
        let data = self.terminal.ask(&self.alice, operations::CLUSTER_HISTORY, variables).await?;
        let change = data.pointer("/cluster/changes/nodes/0").ok_or("the cluster has no change")?;
        Ok((text(change, "/id"), text(change, "/planDigest")))
    }
}
