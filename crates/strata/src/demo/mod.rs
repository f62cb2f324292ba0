//! `strata demo`: the whole story, played before the reader.
//!
//! *Idea.* A server as `serve` starts it, on a database in a temporary folder; clusters beside it; and commands that are
//! typed one after the other, each shown with its answer. Nothing is played that was not done: each command goes through
//! the GraphQL interface over HTTP, and each step that depends on the clusters waits until they show it.
//!
//! *Guarantees.* The folder goes when the demo ends. What it made on real clusters goes too, in all endings: after the
//! story, when a step failed, and when somebody interrupts, hangs up or stops reading ([`traces`]). What could not be
//! removed is named, with the commands that do it.
//!
//! *Caveats.* A second interrupt leaves things as they are, and `kill -9` asks nobody.

mod clusters;
mod ending;
mod fleet;
mod orphans;
mod packs;
mod profile;
mod real;
mod rollout;
mod simulated;
mod story;
mod terminal;
mod traces;
mod upgrade;

use std::{collections::BTreeSet, panic::AssertUnwindSafe, path::Path};

use futures::FutureExt as _;
use strata_engine::EngineOptions;
use strata_store::{DatabaseUrl, MigrationMode};

use crate::{
    arguments::{DemoArguments, LogFormat},
    exit::Failed,
    logging,
    server::Server,
    settings::ServerSettings,
};
use ending::Ending;
use fleet::Fleet;
use real::Real;
use story::Story;
use terminal::{Person, StepError, Terminal, tell};

pub(crate) use real::Unsuitable;

/// Plays the story, then serves until somebody asks the process to end.
///
/// # Errors
/// When a step fails, with its name; when it is interrupted; when something remains on a real cluster.
pub(crate) async fn run(arguments: DemoArguments) -> Result<(), Failed> {
    // What the stand-in for Cluster API says when its cluster ends is of no use to the reader.
    logging::start(LogFormat::Text, "warn,kube_client=off");
    let folder = tempfile::Builder::new()
        .prefix("strata-demo-")
        .tempdir()
        .map_err(|error| failed("make a folder")(error.into()))?;
    packs::write(folder.path()).map_err(|error| failed("write the packs")(error.into()))?;
    let real = Real::open(&arguments).await?;
    let mut ending = Ending::new(real.is_some())?;
    let (server, first) = Server::start(&settings(&arguments, folder.path())).await?;
    let traces = real.as_ref().map(|real| real.traces(&server.installation()));
    let token = first.map(|first| first.token.secret);

    let play = async {
        let token = token
            .ok_or_else(|| failed("take the administrator's token")("the database is not new".into()))?;
        let terminal = Terminal::new(format!("http://{}", server.address()), folder.path())
            .map_err(failed("work in the folder"))?;
        let admin = admin(&terminal, token.expose()).map_err(failed("keep the administrator's token"))?;
        let fleet = match real {
            None => {
                Fleet::simulate(&terminal, arguments.clusters).await.map_err(failed("start the clusters"))?
            }
            Some(real) => {
                let provider = real.check().await.map_err(Failed::Unsuitable)?;
                real.make_namespace(&server.installation()).await.map_err(failed("make a namespace"))?;
                packs::into_namespace(&terminal, &real.name, provider, &arguments.kubernetes_versions)
                    .map_err(|error| failed("write the profiles")(error.into()))?;
                Fleet::real(real, provider)
            }
        };
        let mut story = Story::begin(terminal, fleet, admin).await.map_err(failed("people"))?;
        story.play().await.map_err(|(step, error)| failed(step)(error))?;
        Ok::<Story, Failed>(story)
    };
    // A panic must not leave anything on somebody's cluster either.
    let play = AssertUnwindSafe(Box::pin(play)).catch_unwind();
    let outcome = tokio::select! {
        played = play => played.unwrap_or_else(|_| Err(failed("play")("it panicked".into()))),
        how = ending.next() => Err(Failed::Interrupted { how }),
    };
    let outcome = match outcome {
        Ok(story) => {
            // Whoever goes on looking does so without anything of it on their clusters.
            let cleared = ending::clear(traces.as_ref(), &mut ending, true).await;
            if cleared.is_ok() && !arguments.exit {
                invite(&server, &story);
                ending.next().await;
            }
            cleared
        }
        Err(failed) => Err(ending.cause(failed)),
    };
    // Nothing is put back while it is taken away: the server stops first.
    server.stop().await;
    let told = outcome.is_err();
    let cleared = ending::clear(traces.as_ref(), &mut ending, told).await;
    match (outcome, cleared) {
        (Err(failed), Err(remains)) => {
            failed.print();
            Err(remains)
        }
        (outcome, cleared) => outcome.and(cleared),
    }
}

fn failed(step: &str) -> impl Fn(StepError) -> Failed {
    let step = step.to_owned();
    move |source| Failed::Demo { step: step.clone(), source }
}

fn settings(arguments: &DemoArguments, folder: &Path) -> ServerSettings {
    ServerSettings {
        database: DatabaseUrl::Sqlite(folder.join("strata.db")),
        listen: arguments.listen,
        key_file: None,
        insecure_hosts: BTreeSet::new(),
        allow_loopback: true,
        migrations: MigrationMode::Apply,
        log: LogFormat::Text,
        engine: EngineOptions::default(),
        passing: true,
    }
}

fn admin(terminal: &Terminal, token: &str) -> Result<Person, StepError> {
    Ok(Person { name: "admin".to_owned(), token_file: terminal.write_secret("admin.token", token)? })
}

/// Says how to go on.
fn invite(server: &Server, story: &Story) {
    let address = server.address();
    let token_file = story.admin.token_file.display();
    let first = story.fleet.first();
    tell(format_args!(
        "\n\nThe story is over, and the server goes on: http://{address}\n\n\
         In the browser, that page sends queries. It wants a token; this one may do everything:\n\n  \
           cat {token_file}\n\n\
         On the command line, in another terminal, where `strata` is {program}:\n\n  \
           export STRATA_SERVER=http://{address}\n  \
           export STRATA_TOKEN_FILE={token_file}\n  \
           strata cluster list\n  \
           strata cluster history {first}\n  \
           strata orphans list\n  \
           strata audit\n\n\
         Ctrl-C ends it, and removes everything.",
        program =
            std::env::current_exe().map_or_else(|_| "strata".to_owned(), |path| path.display().to_string()),
    ));
}
