//! The command line: the client commands as they are, and the local ones beside them.

use std::{ffi::OsString, net::SocketAddr, num::NonZeroU16, path::PathBuf};

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use strata_cli::{ClientCommand, Connection, arguments::Format};
use strata_model::version::KubernetesVersion;

use crate::span::Span;

/// What was asked for.
#[derive(Debug)]
pub(crate) enum Invocation {
    /// A command that a server answers.
    Client(Connection, Box<ClientCommand>),
    /// A command of this process alone.
    Local(Box<LocalCommand>),
}

/// A command that runs in this process.
#[derive(Debug)]
pub(crate) enum LocalCommand {
    Serve(ServeArguments),
    Migrate(DatabaseArguments),
    Demo(DemoArguments),
    Schema,
    Render(RenderArguments, Format),
    Verify(VerifyArguments, Format),
    CreateAdmin(CreateAdminArguments),
}

/// Keeps a fleet of Kubernetes clusters on layered, versioned profiles
#[derive(Debug, Parser)]
#[command(name = "strata", version, after_help = EXIT_CODES)]
struct Program {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done (a preview: nothing to do), 1 failure, 2 a preview found changes, 3 blocked, 4 refused, 5 no right,
6 server unreachable, 7 the change or rollout did not succeed, 10 database in use by another server, 11 database
unreachable, 12 wrong or missing key, 13 schema does not fit, 14 address taken, 64 wrong usage, 130 interrupted.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(ServeArguments),
    /// Bring a database's schema up to date
    Migrate(DatabaseArguments),
    /// Play the whole story on simulated clusters, then keep serving
    Demo(DemoArguments),
    /// Print the GraphQL schema
    Schema,
    #[command(flatten)]
    Client(ClientCommand),
}

/// Where the database is.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct DatabaseArguments {
    /// `sqlite:FILE` or `postgres://…` [default: sqlite:strata.db]
    #[arg(long, env = "STRATA_DATABASE", hide_env_values = true, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// A YAML file with settings; flags and environment win over it
    #[arg(long, env = "STRATA_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// `strata serve`
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ServeArguments {
    #[command(flatten)]
    pub(crate) database: DatabaseArguments,
    /// The address to listen on [default: 127.0.0.1:8080]
    #[arg(long, env = "STRATA_LISTEN", value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// The file of the key that seals credentials; the variable `STRATA_KEY` may hold the key itself. Without either, one
    /// is made beside a new SQLite file
    #[arg(long, env = "STRATA_KEY_FILE", value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Accept `insecure-skip-tls-verify` in kubeconfigs for this host; may be repeated
    #[arg(long, env = "STRATA_ALLOW_INSECURE_HOST", value_name = "HOST", value_delimiter = ',')]
    pub(crate) allow_insecure_host: Vec<String>,
    /// Accept clusters on this very machine
    #[arg(long, env = "STRATA_ALLOW_LOOPBACK_CLUSTERS")]
    pub(crate) allow_loopback_clusters: bool,
    /// Refuse to start on an older schema instead of bringing it up to date
    #[arg(long, env = "STRATA_NO_MIGRATE")]
    pub(crate) no_migrate: bool,
    #[command(flatten)]
    pub(crate) engine: EngineArguments,
    /// How log lines are written, to standard error; what is logged is set by `STRATA_LOG` [default: text]
    #[arg(long, env = "STRATA_LOG_FORMAT", value_enum, value_name = "FORMAT")]
    pub(crate) log: Option<LogFormat>,
}

/// How changes are approved and carried out. A duration is written like `30m`, `24h` or `1h 30m`.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct EngineArguments {
    /// How many changes are carried out at once by this server [default: 64]
    #[arg(long, env = "STRATA_CONCURRENT_CHANGES", value_name = "NUMBER")]
    pub(crate) concurrent_changes: Option<NonZeroU16>,
    /// How long an approval counts [default: 24h]
    #[arg(long, env = "STRATA_APPROVAL_LIFETIME", value_name = "DURATION")]
    pub(crate) approval_lifetime: Option<Span>,
    /// How long a plan that no change holds is kept [default: 24h]
    #[arg(long, env = "STRATA_PLAN_LIFETIME", value_name = "DURATION")]
    pub(crate) plan_lifetime: Option<Span>,
    /// How long one step of a change may take to become healthy [default: 30m]
    #[arg(long, env = "STRATA_STEP_DEADLINE", value_name = "DURATION")]
    pub(crate) step_deadline: Option<Span>,
    /// How often an idle cluster is asked for its facts and health [default: 1m]
    #[arg(long, env = "STRATA_POLL_INTERVAL", value_name = "DURATION")]
    pub(crate) poll_interval: Option<Span>,
    /// Refuse approvals by whoever requested the change
    #[arg(long, env = "STRATA_NO_SELF_APPROVAL")]
    pub(crate) no_self_approval: bool,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// `strata demo`
#[derive(Debug, Clone, Args)]
pub(crate) struct DemoArguments {
    /// End after the story instead of serving on
    #[arg(long)]
    pub(crate) exit: bool,
    /// How many workload clusters are simulated
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(3..=200))]
    pub(crate) clusters: u32,
    /// Play the add-on part on this real cluster instead, in a namespace of its own that is removed at the end
    #[arg(long, value_name = "FILE", conflicts_with = "clusters")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Then play the replacement of nodes on this management cluster, which must have Cluster API with the provider for
    /// Docker or AWS: one control plane machine and one worker, in a namespace of their own, both removed at the end
    #[arg(long, value_name = "FILE", requires = "kubeconfig")]
    pub(crate) management_kubeconfig: Option<PathBuf>,
    /// What those machines run at first and then, one minor later; the provider must have images for both
    #[arg(long, value_name = "FROM,TO", default_value = "1.33.4,1.34.1", value_parser = version_pair)]
    #[arg(requires = "management_kubeconfig")]
    pub(crate) kubernetes_versions: (KubernetesVersion, KubernetesVersion),
    /// The address to serve on
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
}

/// `strata token create-admin`
#[derive(Debug, Clone, Parser)]
#[command(
    name = "create-admin",
    about = "Make a token of the administrator in the database itself, for when no token is left",
    long_about = "Make a token of the principal `admin`, with the role admin in the default project, in the database \
                  itself: for when no token is left, as after a first start whose output was lost. It needs the \
                  database and its key, and no server; one that runs on a SQLite file must be stopped first. Tokens \
                  that exist stay valid. The token is written to standard output, this once."
)]
pub(crate) struct CreateAdminArguments {
    #[command(flatten)]
    pub(crate) database: DatabaseArguments,
    /// The file of the key that seals credentials; the variable `STRATA_KEY` may hold the key itself. Without either, that
    /// beside a SQLite file
    #[arg(long, env = "STRATA_KEY_FILE", value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
}

/// Two versions of Kubernetes, the second a minor later than the first.
fn version_pair(text: &str) -> Result<(KubernetesVersion, KubernetesVersion), String> {
    let (from, to) = text.split_once(',').ok_or("two versions are wanted, as in 1.33.4,1.34.1")?;
    let parse = |text: &str| text.parse::<KubernetesVersion>().map_err(|error| error.to_string());
    let (from, to) = (parse(from)?, parse(to)?);
    if (to.major(), to.minor()) != (from.major(), from.minor() + 1) {
        return Err("the second must be one minor later than the first".to_owned());
    }
    Ok((from, to))
}

/// `strata pack render`
#[derive(Debug, Clone, Parser)]
#[command(
    name = "render",
    about = "Render a pack, a Helm chart or plain manifests without a server, as YAML or JSON"
)]
pub(crate) struct RenderArguments {
    /// The folder, archive or manifest
    pub(crate) path: PathBuf,
    /// A YAML file with the layer's own values, or with those of the chart; may be repeated, later ones win
    #[arg(long, value_name = "FILE")]
    pub(crate) values: Vec<PathBuf>,
    /// A preset to choose, by its name, or `group=name` where several have that name; may be repeated
    #[arg(long = "preset", value_name = "[GROUP=]NAME")]
    pub(crate) presets: Vec<String>,
    /// The namespace to render into
    #[arg(long)]
    pub(crate) namespace: Option<String>,
    /// The name of the release [default: release-name; in a pack, `<pack>-<chart>` for each of its charts]
    #[arg(long, value_name = "NAME")]
    pub(crate) release: Option<String>,
    /// The Kubernetes version to render for [default: 1.33.0; for a chart the one that Helm takes]
    #[arg(long, value_name = "VERSION")]
    pub(crate) kube_version: Option<String>,
    /// More that the cluster serves, with commas between: `group/version` or `group/version/Kind`
    #[arg(long, value_name = "V,…", value_delimiter = ',')]
    pub(crate) api_versions: Vec<String>,
}

/// `strata pack verify`
#[derive(Debug, Clone, Parser)]
#[command(
    name = "verify",
    about = "Hold what a Helm chart, or each chart of a pack, renders against the `helm` that is installed"
)]
pub(crate) struct VerifyArguments {
    #[command(flatten)]
    pub(crate) render: RenderArguments,
    /// Helm's program
    #[arg(long, value_name = "PROGRAM", default_value = "helm")]
    pub(crate) helm: PathBuf,
}

/// The command line, with local commands put beside the client commands of the same noun.
fn command() -> clap::Command {
    Program::command()
        .mut_subcommand("pack", |pack| {
            pack.subcommand(RenderArguments::command()).subcommand(VerifyArguments::command())
        })
        .mut_subcommand("token", |token| token.subcommand(CreateAdminArguments::command()))
}

/// Reads a command line.
///
/// # Errors
/// When it is wrong, and for help and version.
pub(crate) fn parse(line: impl IntoIterator<Item = OsString>) -> Result<Invocation, clap::Error> {
    let mut command = command();
    let matches = command.try_get_matches_from_mut(line)?;
    let local = |local| Ok(Invocation::Local(Box::new(local)));
    if let Some(("pack", pack)) = matches.subcommand()
        && let Some((verb @ ("render" | "verify"), given)) = pack.subcommand()
    {
        let format = given.get_one::<Format>("output").copied().unwrap_or_default();
        return local(match verb {
            "render" => LocalCommand::Render(RenderArguments::from_arg_matches(given)?, format),
            _ => LocalCommand::Verify(VerifyArguments::from_arg_matches(given)?, format),
        });
    }
    if let Some(("token", token)) = matches.subcommand()
        && let Some(("create-admin", create)) = token.subcommand()
    {
        return local(LocalCommand::CreateAdmin(CreateAdminArguments::from_arg_matches(create)?));
    }
    let program = Program::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    match program.command {
        Command::Serve(arguments) => local(LocalCommand::Serve(arguments)),
        Command::Migrate(arguments) => local(LocalCommand::Migrate(arguments)),
        Command::Demo(arguments) => local(LocalCommand::Demo(arguments)),
        Command::Schema => local(LocalCommand::Schema),
        Command::Client(client) => Ok(Invocation::Client(program.connection, Box::new(client))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &[&str]) -> Result<Invocation, clap::Error> {
        parse(std::iter::once("strata").chain(line.iter().copied()).map(OsString::from))
    }

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn render_stands_beside_the_client_commands_of_pack() {
        let Ok(Invocation::Local(local)) =
            read(&["pack", "render", "folder", "--preset", "api=on", "-o", "json"])
        else {
            panic!("no local command")
        };
        let LocalCommand::Render(arguments, format) = *local else { panic!("another command") };
        assert_eq!((arguments.presets.as_slice(), format), (["api=on".to_owned()].as_slice(), Format::Json));
        assert!(matches!(read(&["pack", "list"]), Ok(Invocation::Client(..))));
        assert!(matches!(read(&["-o", "yaml", "cluster", "list"]), Ok(Invocation::Client(..))));
    }

    #[test]
    fn no_secret_can_be_given_on_the_command_line() {
        let Ok(Invocation::Local(local)) = read(&["token", "create-admin", "--database", "a.db"]) else {
            panic!("no local command")
        };
        assert!(matches!(*local, LocalCommand::CreateAdmin(_)));
        assert!(matches!(read(&["token", "list"]), Ok(Invocation::Client(..))));
        for flag in ["--token", "--key"] {
            assert!(read(&["serve", flag, "x"]).is_err(), "{flag}");
        }
    }
}
