//! What the upgrade left behind: looked at, scaled to zero, brought back.

use strata_cli::exit::Code;

use super::{
    story::Story,
    terminal::{Step, tell},
};

/// The deployment that only the first version renders.
const DEPLOYMENT: &str = "hello-universe-deployment";

impl Story {
    pub(super) async fn look_at_orphans(&mut self) -> Step {
        let cluster = self.fleet.first().to_owned();
        self.terminal.step("Orphans: the old deployment still runs");
        self.terminal.say("Applying never deletes. What the new version no longer contains is listed, with the version it came from.");
        self.show_workloads().await?;
        self.alice(&["orphans", "list", "--cluster", &cluster]).await
    }

    pub(super) async fn scale_orphans(&mut self) -> Step {
        let cluster = self.fleet.first().to_owned();
        self.terminal.step("Scaling them to zero");
        self.terminal.say("First what it would do. The Service has a load balancer that costs money, and scaling cannot reach it: it is named.");
        self.alice_gets(Code::Changes, &["orphans", "scale", &cluster, "--preview"]).await?;
        let scale = ["orphans", "scale", &cluster, "--reason", "replaced by the API version", "--watch"];
        self.alice(&scale).await?;
        self.fleet.until_replicas(DEPLOYMENT, 0).await?;
        self.show_workloads().await?;
        self.terminal.say("Applying the same version again does not bring it back: there is nothing to do.");
        let target = self.fleet.target("1.1.0");
        self.alice(&["preview", &cluster, "--profile", &target]).await?;
        self.alice(&["apply", &cluster, "--profile", &target, "--reason", "once more", "--watch"]).await?;
        self.fleet.until_replicas(DEPLOYMENT, 0).await
    }

    pub(super) async fn restore_orphans(&mut self) -> Step {
        let cluster = self.fleet.first().to_owned();
        self.terminal.step("Bringing them back: the former number of replicas was recorded");
        self.alice(&["orphans", "restore", &cluster, "--reason", "still needed for a week", "--watch"])
            .await?;
        self.fleet.until_replicas(DEPLOYMENT, 3).await?;
        self.show_workloads().await?;
        self.alice(&["orphans", "list", "--cluster", &cluster, "--all"]).await
    }

    pub(super) async fn show_history(&mut self) -> Step {
        let cluster = self.fleet.first().to_owned();
        self.terminal.step("The history of the cluster: what was done, by whom, approved by whom, when");
        self.alice(&["cluster", "history", &cluster]).await
    }

    /// What `kubectl` would say about the application.
    async fn show_workloads(&self) -> Step {
        let get = ["kubectl", "--namespace", self.fleet.namespace(), "get", "deployments"];
        self.terminal.typed("kubectl", &get.map(str::to_owned));
        for line in self.fleet.deployments().await? {
            tell(format_args!("{line}"));
        }
        Ok(())
    }
}
