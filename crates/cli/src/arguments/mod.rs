//! The command line of the client commands.

mod profile;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use secrecy::SecretString;

pub use profile::{ProfileCommand, ProfileKind, ReviseArguments};

use crate::exit::CliError;

/// Which server, as whom, and how to show answers.
#[derive(Debug, Clone, Args)]
pub struct Connection {
    /// The server's address.
    #[arg(long, global = true, env = "STRATA_SERVER", default_value = "http://127.0.0.1:8080")]
    pub server: String,
    /// A file that holds the token; else the environment variable `STRATA_TOKEN` is used.
    #[arg(long, global = true, env = "STRATA_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// The project; may be left out when the token sees only one.
    #[arg(long, global = true, env = "STRATA_PROJECT")]
    pub project: Option<String>,
    /// How to show answers.
    #[arg(long, short, global = true, value_enum, default_value_t)]
    pub output: Format,
    /// Whether to use colour.
    #[arg(long, global = true, value_enum, default_value_t)]
    pub color: Color,
}

impl Connection {
    /// The token, from the file or the environment; never from the command line, where others could read it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn token(&self) -> Result<Option<SecretString>, CliError> {
        match &self.token_file {
            Some(path) => std::fs::read_to_string(path)
                .map(|text| Some(SecretString::from(text.trim().to_owned())))
                .map_err(|error| CliError::File {
                    path: path.display().to_string(),
                    reason: error.to_string(),
                }),
            None => Ok(std::env::var("STRATA_TOKEN").ok().map(SecretString::from)),
        }
    }
}

/// How answers are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For machines.
    Json,
    /// For machines and people.
    Yaml,
}

/// Whether to use colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal only.
    #[default]
    Auto,
    /// Yes.
    Always,
    /// No.
    Never,
}

/// The commands that are clients of a server.
#[derive(Debug, Clone, Subcommand)]
pub enum ClientCommand {
    /// Packs: the units of content
    #[command(subcommand)]
    Pack(PackCommand),
    /// Profiles: what clusters should be
    #[command(subcommand)]
    Profile(ProfileCommand),
    /// Macros: named values that the values of any profile may refer to
    #[command(subcommand)]
    Macro(MacroCommand),
    /// Clusters: what is managed
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// Show the exact effect of a change on a cluster, or of a profile version on many; changes nothing
    Preview(PreviewArguments),
    /// Show where a field of an object or a value of a layer comes from
    Why(WhyArguments),
    /// Request a change and apply it: at once, or as soon as its requirements are met
    Apply(ApplyArguments),
    /// Approve what a change requires, for the plan that was shown
    Approve(ApproveArguments),
    /// Changes: plans being carried out
    #[command(subcommand)]
    Change(ChangeCommand),
    /// Orphans: what an upgrade left behind
    #[command(subcommand)]
    Orphans(OrphansCommand),
    /// Rollouts: one target for many clusters, in stages
    #[command(subcommand)]
    Rollout(RolloutCommand),
    /// Tokens, and the principals that own them
    #[command(subcommand)]
    Token(TokenCommand),
    /// Who did what
    Audit,
    /// Who am I
    Whoami,
}

/// `strata pack …`
#[derive(Debug, Clone, Subcommand)]
pub enum PackCommand {
    /// Add packs: a folder or .tgz of a pack, of a Helm chart or of plain manifests, or a folder of many
    Add {
        /// The folder, archive or manifest.
        path: PathBuf,
        /// The name of the pack, for plain manifests [default: that of the folder or file]
        #[arg(long)]
        name: Option<String>,
        /// The version of the pack, for plain manifests; a chart has one
        #[arg(long)]
        version: Option<String>,
    },
    /// List packs
    List,
    /// Show one pack
    Show {
        /// Its name.
        name: String,
        /// Its version.
        version: String,
    },
}

/// `strata macro …`
#[derive(Debug, Clone, Subcommand)]
pub enum MacroCommand {
    /// List macros; those of the shared project too
    List,
    /// Make a macro, or give it another value; clusters keep the former one as a pending update
    Set {
        /// Its name, as in `{{.strata.macro.NAME}}`.
        name: String,
        /// What it stands for; read from standard input when left out, so that a secret stays out of the history of your shell.
        value: Option<String>,
        /// The value is a secret. A macro that is a secret stays one.
        #[arg(long, conflicts_with = "plain")]
        sensitive: bool,
        /// The value is no secret any more.
        #[arg(long)]
        plain: bool,
        /// What it is for.
        #[arg(long)]
        description: Option<String>,
    },
    /// Show a macro, and what uses it
    Show {
        /// Its name.
        name: String,
    },
    /// Delete a macro that nothing uses
    Delete {
        /// Its name.
        name: String,
    },
}

/// `strata cluster …`
#[derive(Debug, Clone, Subcommand)]
pub enum ClusterCommand {
    /// Register a cluster
    Register {
        /// Its name.
        name: String,
        /// A kubeconfig with inline credentials: the cluster is imported.
        #[arg(long)]
        kubeconfig: Option<PathBuf>,
        /// The registered management cluster: the cluster is provisioned by Cluster API.
        #[arg(long, conflicts_with = "kubeconfig")]
        management_cluster: Option<String>,
        /// The namespace of its Cluster API objects.
        #[arg(long, requires = "management_cluster")]
        namespace: Option<String>,
        /// The name of its Cluster API `Cluster`; the cluster's own name when left out.
        #[arg(long, requires = "management_cluster")]
        cluster_api_name: Option<String>,
        /// `key=value`, may be repeated.
        #[arg(long = "label", value_parser = key_value)]
        labels: Vec<(String, String)>,
        /// The cloud, e.g. `aws`.
        #[arg(long)]
        cloud: Option<String>,
        /// The region.
        #[arg(long)]
        region: Option<String>,
    },
    /// Replace a cluster's labels
    Label {
        /// The cluster.
        name: String,
        /// `key=value`: all labels it shall have.
        #[arg(value_parser = key_value)]
        labels: Vec<(String, String)>,
    },
    /// Let a cluster go; nothing in it is touched
    Deregister {
        /// The cluster.
        name: String,
        /// Why.
        #[arg(long)]
        reason: Option<String>,
    },
    /// List clusters
    List {
        /// `key=value`: only clusters with this label; may be repeated.
        #[arg(long = "label", short = 'l', value_parser = key_value)]
        labels: Vec<(String, String)>,
        /// Only clusters that run this profile: `web`, `web@1.1.0`, `web@1.1.0#2`.
        #[arg(long, short = 'p')]
        profile: Option<String>,
        /// Only clusters on this Kubernetes version: `1.33`.
        #[arg(long)]
        kubernetes: Option<String>,
        /// Only clusters whose values name this macro.
        #[arg(long = "macro")]
        named_macro: Option<String>,
        /// Only clusters that run something which is another by now: a revised version, a macro.
        #[arg(long)]
        pending_updates: bool,
    },
    /// Show one cluster
    Show {
        /// Its name.
        name: String,
    },
    /// What was done to a cluster, by whom, approved by whom
    History {
        /// Its name.
        name: String,
    },
    /// Totals over all clusters
    Summary,
}

/// What a cluster should become.
#[derive(Debug, Clone, Args)]
pub struct Wish {
    /// Attach a profile, or go to another version of it: `web@1.1.0`, `web@1.1.0#2`. May be repeated.
    #[arg(long = "profile", short = 'p')]
    pub profiles: Vec<String>,
    /// Detach an add-on profile. May be repeated.
    #[arg(long = "detach")]
    pub detach: Vec<String>,
    /// Override a value of a layer: `layer:path=YAML`. May be repeated; replaces the layer's override.
    #[arg(long = "set")]
    pub set: Vec<String>,
    /// Drop the override of a layer. May be repeated.
    #[arg(long = "unset")]
    pub unset: Vec<String>,
    /// Set a variable: `name=value`. May be repeated.
    #[arg(long = "var", value_parser = key_value)]
    pub variables: Vec<(String, String)>,
    /// Number of control-plane machines.
    #[arg(long)]
    pub control_plane: Option<u32>,
    /// All node pools: `name=replicas[,attribute=value…]`. Without attributes those of the pool stay. May be repeated.
    #[arg(long = "pool", value_parser = key_value)]
    pub pools: Vec<(String, String)>,
    /// Let layers that a rollback held go on with their profile.
    #[arg(long)]
    pub release_held: bool,
    /// Go to the newest revision of each version that is attached. May be combined with the others.
    #[arg(long)]
    pub updates: bool,
    /// Decide a conflict: `layer:path=keep-override|take-profile|edit:YAML`. May be repeated.
    #[arg(long = "resolve")]
    pub resolve: Vec<String>,
    /// Go back to what the cluster ran before this change, as far as that can be; with no other wish.
    #[arg(long, value_name = "CHANGE", conflicts_with_all = ["profiles", "detach", "set", "unset", "variables", "control_plane", "pools", "release_held", "updates", "resolve"])]
    pub roll_back: Option<String>,
    /// A JSON file with the whole input of `previewUpgrade`; the other options add to it.
    #[arg(long)]
    pub input: Option<PathBuf>,
}

/// `strata preview …`
#[derive(Debug, Clone, Args)]
pub struct PreviewArguments {
    /// The cluster; without one, all that run the profile named by `--profile`.
    pub cluster: Option<String>,
    /// What the cluster should become.
    #[command(flatten)]
    pub wish: Wish,
    /// Only clusters with this label: `key=value`. May be repeated.
    #[arg(long = "label", short = 'l', value_parser = key_value, conflicts_with = "cluster")]
    pub labels: Vec<(String, String)>,
    /// Only clusters that run this, instead of the profile named by `--profile`: `base`, `base@1.0.0`.
    #[arg(long, conflicts_with = "cluster")]
    pub running: Option<String>,
    /// Only clusters on this Kubernetes version: `1.33`.
    #[arg(long, conflicts_with = "cluster")]
    pub kubernetes: Option<String>,
    /// Ask the living cluster, too, what would become of each object; nothing is changed there.
    #[arg(long, requires = "cluster")]
    pub live: bool,
    /// End with 3 on these as well: `repave`, `conflict`, with `--live` `refused`, or the code of a finding like `crd-breaking`.
    #[arg(long, value_delimiter = ',')]
    pub fail_on: Vec<String>,
    /// A summary in Markdown, fit for a pull request.
    #[arg(long)]
    pub markdown: bool,
}

/// `strata why …`
#[derive(Debug, Clone, Args)]
pub struct WhyArguments {
    /// The cluster.
    pub cluster: String,
    /// An object, as a preview writes it: `Deployment shop/web`, `Namespace shop`. Or the name of a layer.
    pub object: String,
    /// The field of the object, from its top, or the value of the layer: `spec.replicas`,
    /// `spec.template.spec.containers[name=web].image`. Without one the object is shown as it is sent.
    pub path: Option<String>,
    /// What the cluster should become; as it is when nothing is wished for.
    #[command(flatten)]
    pub wish: Wish,
}

/// `strata apply …`
#[derive(Debug, Clone, Args)]
pub struct ApplyArguments {
    /// The cluster.
    pub cluster: String,
    /// What the cluster should become.
    #[command(flatten)]
    pub wish: Wish,
    /// The digest of the plan that you saw; refused when it is another one by now.
    #[arg(long)]
    pub plan: Option<String>,
    /// Why.
    #[arg(long)]
    pub reason: Option<String>,
    /// Watch until it ends.
    #[arg(long, short)]
    pub watch: bool,
    /// The same key never starts the same work twice.
    #[arg(long)]
    pub idempotency_key: Option<String>,
}

/// `strata approve …`
#[derive(Debug, Clone, Args)]
pub struct ApproveArguments {
    /// The change.
    pub change: String,
    /// The digest of the plan that you saw.
    #[arg(long)]
    pub plan: String,
    /// Why; everybody can read it later.
    #[arg(long)]
    pub reason: String,
    /// Approve the replacement of nodes only.
    #[arg(long)]
    pub repave_only: bool,
}

/// `strata change …`
#[derive(Debug, Clone, Subcommand)]
pub enum ChangeCommand {
    /// List changes
    List {
        /// Only those of this cluster.
        #[arg(long)]
        cluster: Option<String>,
        /// Only those that wait for the approval of a repave.
        #[arg(long)]
        pending_repaves: bool,
    },
    /// Show a change and what happened to it
    Show {
        /// Its id.
        id: String,
    },
    /// Show the very plan of a change: what an approval is bound to
    Plan {
        /// Its id.
        id: String,
        /// A summary in Markdown, fit for a pull request.
        #[arg(long)]
        markdown: bool,
    },
    /// Watch a change until it ends
    Watch {
        /// Its id.
        id: String,
    },
    /// Apply a planned change
    Apply {
        /// Its id.
        id: String,
        /// The digest of the plan that you saw.
        #[arg(long)]
        plan: String,
    },
    /// Say no to a change
    Reject {
        /// Its id.
        id: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Take your approval back
    Withdraw {
        /// Its id.
        id: String,
    },
    /// Stop a change
    Cancel {
        /// Its id.
        id: String,
        /// Why.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Try a failed change again
    Retry {
        /// Its id.
        id: String,
    },
    /// Plan a stale change anew; approvals are void
    Replan {
        /// Its id.
        id: String,
    },
    /// Go back to what the cluster ran before, by a new change
    RollBack {
        /// Its id.
        id: String,
        /// Why.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Acknowledge findings that need it
    Acknowledge {
        /// Its id.
        id: String,
        /// The digest of the plan that you saw.
        #[arg(long)]
        plan: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Say why something waits
    Explain {
        /// The id of a change or rollout.
        id: String,
    },
}

/// `strata orphans …`
#[derive(Debug, Clone, Subcommand)]
pub enum OrphansCommand {
    /// List what upgrades left behind
    List {
        /// Only those of this cluster.
        #[arg(long)]
        cluster: Option<String>,
        /// Also those that are settled.
        #[arg(long)]
        all: bool,
    },
    /// Scale to zero; restorable
    Scale(OrphanArguments),
    /// Bring back the former state
    Restore(OrphanArguments),
    /// Delete
    Delete(OrphanArguments),
    /// Keep, and take off the list
    Keep(OrphanArguments),
}

/// Which orphans, and why.
#[derive(Debug, Clone, Args)]
pub struct OrphanArguments {
    /// The cluster.
    pub cluster: String,
    /// Ids of orphans; all that the decision fits when left out.
    pub ids: Vec<String>,
    /// Why.
    #[arg(long)]
    pub reason: Option<String>,
    /// Show the plan only.
    #[arg(long)]
    pub preview: bool,
    /// Watch until it ends.
    #[arg(long, short)]
    pub watch: bool,
}

/// `strata rollout …`
#[derive(Debug, Clone, Subcommand)]
pub enum RolloutCommand {
    /// Make a rollout
    Create {
        /// Its name.
        name: String,
        /// What the clusters shall run: `web@1.1.0`.
        #[arg(long, short = 'p')]
        profile: String,
        /// A stage: `name:key=value[,key=value][;concurrency=N][;soak=SECONDS][;approval]`. In order, repeated.
        #[arg(long = "stage", required = true)]
        stages: Vec<String>,
        /// How many failed clusters are tolerated.
        #[arg(long, default_value_t = 0)]
        failure_budget: u32,
        /// Start it at once.
        #[arg(long)]
        start: bool,
    },
    /// List rollouts
    List {
        /// Only rollouts that bring this profile: `web`, `web@1.1.0`, `web@1.1.0#2`.
        #[arg(long, short = 'p')]
        profile: Option<String>,
    },
    /// Show a rollout and its clusters
    Show {
        /// Its id.
        id: String,
    },
    /// Watch a rollout until it ends
    Watch {
        /// Its id.
        id: String,
    },
    /// Start it
    Start(RolloutArguments),
    /// Pause it: nothing new is started
    Pause(RolloutArguments),
    /// Go on
    Resume(RolloutArguments),
    /// Abort it
    Abort(RolloutArguments),
    /// Take it back
    RollBack(RolloutArguments),
    /// Approve a stage
    ApproveStage {
        /// The rollout.
        id: String,
        /// The stage, from 0.
        stage: u32,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Try failed clusters again
    Retry {
        /// The rollout.
        id: String,
        /// Names of clusters; all failed ones when left out.
        clusters: Vec<String>,
    },
    /// Leave clusters out that failed, are blocked or have not begun; a halted rollout can be resumed then
    Skip {
        /// The rollout.
        id: String,
        /// Names of clusters.
        #[arg(required = true)]
        clusters: Vec<String>,
        /// Why.
        #[arg(long)]
        reason: String,
    },
}

/// Which rollout, and why.
#[derive(Debug, Clone, Args)]
pub struct RolloutArguments {
    /// The rollout.
    pub id: String,
    /// Why.
    #[arg(long)]
    pub reason: Option<String>,
}

/// `strata token …`
#[derive(Debug, Clone, Subcommand)]
pub enum TokenCommand {
    /// Make a principal: a person or a service account
    Principal {
        /// Its name.
        name: String,
        /// A service account instead of a person.
        #[arg(long)]
        service_account: bool,
    },
    /// Give a principal a role in the project
    Grant {
        /// The principal.
        principal: String,
        /// viewer, author, operator, approver or admin.
        role: String,
    },
    /// Make a token; its secret is shown once
    Create {
        /// The principal that owns it.
        principal: String,
        /// A name for it.
        #[arg(long, default_value = "cli")]
        name: String,
        /// When it expires, RFC 3339.
        #[arg(long)]
        expires_at: Option<String>,
    },
    /// List tokens
    List,
    /// Revoke a token
    Revoke {
        /// Its id.
        id: String,
    },
}

/// `key=value`
fn key_value(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or_else(|| format!("`{text}` is not key=value"))
}

/// Only for tests of the command line: the client commands as a program of their own.
#[derive(Debug, Parser)]
#[command(name = "strata")]
pub struct Program {
    /// Which server.
    #[command(flatten)]
    pub connection: Connection,
    /// What to do.
    #[command(subcommand)]
    pub command: ClientCommand,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Program::command().debug_assert();
    }

    #[test]
    fn a_wish_is_read() {
        let program = Program::try_parse_from([
            "strata",
            "apply",
            "eu-1",
            "-p",
            "web@1.1.0",
            "--set",
            "app:a.b=1",
            "--var",
            "x=y",
            "--watch",
        ])
        .unwrap();
        let ClientCommand::Apply(arguments) = program.command else { panic!("not apply") };
        assert_eq!(arguments.wish.profiles, ["web@1.1.0"]);
        assert_eq!(arguments.wish.variables, [("x".to_owned(), "y".to_owned())]);
    }
}
