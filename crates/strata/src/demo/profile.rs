//! Packs are loaded and profile versions published.

use super::{fleet::Chapter, story::Story, terminal::Step};

impl Story {
    pub(super) async fn load_packs(&mut self) -> Step {
        self.terminal.step("Packs: the units that profiles are made of");
        self.terminal.say(
            "A pack has default values, templates, presets and a schema, and never changes once it is published. These are the \
             examples of the repository.",
        );
        self.alice(&["pack", "add", "packs"]).await
    }

    pub(super) async fn publish_first_version(&mut self) -> Step {
        self.terminal.step(match self.fleet.chapter() {
            Chapter::Whole | Chapter::AddOns => {
                "A profile version: layers, in order; published, it never changes"
            }
            Chapter::Machines => "A second profile: what machines run",
        });
        let (profile, kind) = self.fleet.profile();
        self.alice(&["profile", "create", profile, "--type", kind]).await?;
        self.draft("1.0.0", None).await?;
        if self.fleet.chapter() == Chapter::Whole {
            self.terminal.say(
                "A cluster that somebody else provides gets no infrastructure from us: for that one there is a profile of add-ons.",
            );
            self.alice(&["profile", "create", "greeting", "--type", "addon"]).await?;
            self.draft_of("greeting", "1.0.0", None).await?;
        }
        Ok(())
    }

    pub(super) async fn publish_next_version(&mut self) -> Step {
        let (title, about) = match self.fleet.chapter() {
            Chapter::Whole => (
                "The next version: Kubernetes one minor up, and the application with its API",
                "The preset `enable-api` replaces the one deployment by three (page, API, database) with their Secrets and RBAC.",
            ),
            Chapter::AddOns => (
                "The next version: the application with its API",
                "The preset `enable-api` replaces the one deployment by three (page, API, database) with their Secrets and RBAC.",
            ),
            Chapter::Machines => (
                "The next version: Kubernetes one minor up",
                "Nodes are not changed in place: Cluster API replaces them one by one.",
            ),
        };
        self.terminal.step(title);
        self.terminal.say(about);
        self.draft("1.1.0", Some("1.0.0")).await?;
        self.alice(&["profile", "show", self.fleet.profile().0]).await
    }

    async fn draft(&self, version: &str, from: Option<&str>) -> Step {
        self.draft_of(self.fleet.profile().0, version, from).await
    }

    async fn draft_of(&self, profile: &str, version: &str, from: Option<&str>) -> Step {
        let file = format!("{profile}-{version}.yaml");
        let mut arguments = vec!["profile", "draft", profile, version, "--file", &file];
        arguments.extend(from.into_iter().flat_map(|from| ["--from", from]));
        self.alice(&arguments).await?;
        self.alice(&["profile", "publish", profile, version]).await
    }
}
