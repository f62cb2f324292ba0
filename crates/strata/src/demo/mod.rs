//! `strata demo`: the whole story, played before the reader.
//!
//! *Idea.* A server as `serve` starts it, on a database in a temporary folder; clusters beside it; and commands that are
//! typed one after the other, each shown with its answer. Nothing is played that was not done: each command goes through
//! the GraphQL interface over HTTP, and each step that depends on the clusters waits until they show it.
//!
//! *Caveats.* The folder goes when the demo ends. On a real cluster everything is put into one namespace, which is removed
//! at the end, also when a step failed.

mod fleet;
mod orphans;
mod packs;
mod profile;
mod rollout;
mod simulated;
mod story;
mod terminal;
mod upgrade;

use std::{collections::BTreeSet, path::Path};

use strata_engine::EngineOptions;
use strata_store::{DatabaseUrl, MigrationMode};

use crate::{
    arguments::{DemoArguments, LogFormat},
    exit::Failed,
    logging,
    serve::Signals,
    server::Server,
    settings::ServerSettings,
};
use fleet::Fleet;
use story::Story;
use terminal::{Person, StepError, Terminal};

/// Plays the story, then serves until somebody asks the process to end.
///
/// # Errors
/// When a step fails, with its name.
pub(crate) async fn run(arguments: DemoArguments) -> Result<(), Failed> {
    // What the stand-in for Cluster API says when its cluster ends is of no use to the reader.
    logging::start(LogFormat::Text, "warn,kube_client=off");
    let failed = |step: &str| {
        let step = step.to_owned();
        move |source: StepError| Failed::Demo { step, source }
    };
    let folder = tempfile::Builder::new()
        .prefix("strata-demo-")
        .tempdir()
        .map_err(|error| failed("make a folder")(error.into()))?;
    packs::write(folder.path()).map_err(|error| failed("write the packs")(error.into()))?;
    let mut signals = Signals::new()?;
    let (server, first) = Server::start(&settings(&arguments, folder.path())).await?;
    let terminal = Terminal::new(format!("http://{}", server.address()), folder.path());
    let played = async {
        let token = first
            .map(|first| first.token.secret)
            .ok_or_else(|| failed("take the administrator's token")("the database is not new".into()))?;
        let admin = admin(&terminal, token.expose()).map_err(failed("keep the administrator's token"))?;
        let fleet = fleet(&arguments, &terminal).await.map_err(failed("start the clusters"))?;
        let mut story = Story::begin(terminal, fleet, admin).await.map_err(failed("people"))?;
        let played = story.play().await.map_err(|(step, error)| failed(step)(error));
        if arguments.kubeconfig.is_some() {
            let cleaned = match &played {
                Ok(()) => story.clean_up().await,
                Err(_) => Ok(()),
            };
            // In any case, and last: nothing of the demo stays.
            let removed = story.fleet.remove_namespace().await;
            played?;
            cleaned.map_err(failed("clean up"))?;
            removed.map_err(failed("remove the namespace"))?;
        } else {
            played?;
        }
        Ok::<Story, Failed>(story)
    };
    let outcome = tokio::select! {
        outcome = Box::pin(played) => outcome.map(Some),
        _ = signals.next() => Ok(None),
    };
    let outcome = match outcome {
        Ok(Some(story)) if !arguments.exit => {
            invite(&server, &story);
            signals.next().await;
            Ok(())
        }
        other => other.map(drop),
    };
    server.stop().await;
    outcome
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
    }
}

fn admin(terminal: &Terminal, token: &str) -> Result<Person, StepError> {
    Ok(Person { name: "admin".to_owned(), token_file: terminal.write_secret("admin.token", token)? })
}

async fn fleet(arguments: &DemoArguments, terminal: &Terminal) -> Result<Fleet, StepError> {
    match &arguments.kubeconfig {
        None => Fleet::simulate(terminal, arguments.clusters).await,
        Some(file) => {
            let namespace = format!("strata-demo-{}", std::process::id());
            packs::into_namespace(terminal, &namespace)?;
            Fleet::real(file, namespace).await
        }
    }
}

/// Says how to go on.
fn invite(server: &Server, story: &Story) {
    let address = server.address();
    let token_file = story.admin.token_file.display();
    let first = story.fleet.first();
    println!(
        "\n\nThe story is over, and the server goes on: http://{address}\n\n\
         In the browser, the header is: Authorization: Bearer $(cat {token_file})\n\n\
         On the command line, in another terminal:\n\n  \
           export STRATA_SERVER=http://{address} STRATA_TOKEN_FILE={token_file}\n  \
           strata cluster list\n  \
           strata cluster history {first}\n  \
           strata orphans list\n  \
           strata audit\n\n\
         Ctrl-C ends it, and removes everything.",
    );
}
