//! The story, step by step; each step is a function of the file named after its subject.

use strata_cli::exit::Code;

use super::{
    fleet::{Chapter, Fleet},
    terminal::{Person, Step, StepError, Terminal},
};

/// All that the steps share.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) terminal: Terminal,
    pub(super) fleet: Fleet,
    /// May do everything.
    pub(super) admin: Person,
    /// Writes profiles and operates clusters.
    pub(super) alice: Person,
    /// Approves.
    pub(super) bob: Person,
}

impl Story {
    /// Hires the people of the story.
    ///
    /// # Errors
    /// When the server does not play along.
    pub(super) async fn begin(mut terminal: Terminal, fleet: Fleet, admin: Person) -> Step<Self> {
        terminal.step("People: one who changes things, another who approves");
        terminal.say("A role belongs to a principal in a project. A second token is not a second person.");
        let alice = terminal.hire(&admin, "alice", &["author", "operator"]).await?;
        let bob = terminal.hire(&admin, "bob", &["approver"]).await?;
        terminal.succeed(&alice, &["whoami"]).await?;
        Ok(Self { terminal, fleet, admin, alice, bob })
    }

    /// Plays all steps.
    ///
    /// # Errors
    /// The name of the step that failed, and why.
    pub(super) async fn play(&mut self) -> Result<(), (&'static str, StepError)> {
        macro_rules! steps {
            ($($name:literal => $method:ident),* $(,)?) => {
                $(Box::pin(self.$method()).await.map_err(|error| ($name, error))?;)*
            };
        }
        steps! {
            "load packs" => load_packs,
            "publish a profile version" => publish_first_version,
            "register clusters" => register_clusters,
            "first apply" => apply_first_version,
            "override" => override_one_cluster,
            "publish the next version" => publish_next_version,
            "preview" => preview_upgrade,
            "approval" => approve_upgrade,
            "progress" => watch_upgrade,
            "orphans" => look_at_orphans,
            "scale to zero" => scale_orphans,
            "restore" => restore_orphans,
            "history" => show_history,
            "rollout" => roll_out,
        }
        if self.fleet.chapter() == Chapter::Whole {
            return Ok(());
        }
        steps! { "leave the cluster" => leave }
        if self.fleet.turn_to_machines() {
            steps! {
                "publish a profile version of machines" => publish_first_version,
                "register the management cluster" => register_clusters,
                "first apply of machines" => apply_first_version,
                "publish the next version of machines" => publish_next_version,
                "preview of machines" => preview_upgrade,
                "approval of machines" => approve_upgrade,
                "progress of machines" => watch_upgrade,
                "history of machines" => show_history,
                "leave the management cluster" => leave,
            }
        }
        Ok(())
    }

    /// Types a command of alice's that must succeed.
    pub(super) async fn alice(&self, arguments: &[&str]) -> Step {
        self.terminal.succeed(&self.alice, arguments).await
    }

    /// Types a command of alice's that must end with this code.
    pub(super) async fn alice_gets(&self, code: Code, arguments: &[&str]) -> Step {
        self.terminal.run(&self.alice, arguments, &[code]).await
    }
}
