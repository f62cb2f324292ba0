//! The pages for people say what is true: their commands exist, their codes are those of the code, their links lead somewhere.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail them")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use regex::Regex;
use strata_model::{error::RefusalCode, finding::FindingCode};
use strata_tests::{Database, Fleet, Server, program};
use tokio::io::{AsyncBufReadExt as _, BufReader};

/// How long a command may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The pages, by their path from the root.
fn pages() -> Vec<String> {
    let docs = fs::read_dir(root().join("docs")).unwrap();
    let docs = docs.map(|entry| format!("docs/{}", entry.unwrap().file_name().into_string().unwrap()));
    ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"]
        .into_iter()
        .map(str::to_owned)
        .chain(docs.filter(|page| page.ends_with(".md")))
        .collect()
}

/// The lines of all code blocks of a language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = Regex::new(&format!(r"(?ms)^```{language}\n(.*?)^```")).unwrap();
    fence.captures_iter(page).map(|found| found[1].to_owned()).collect()
}

/// The commands of a page.
fn commands(page: &str) -> Vec<String> {
    let blocks = blocks(page, "console");
    blocks
        .iter()
        .flat_map(|block| block.lines())
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The words of a command, as a shell splits simple ones.
fn words(command: &str) -> Vec<String> {
    let word = Regex::new(r#"'([^']*)'|"([^"]*)"|(\S+)"#).unwrap();
    word.captures_iter(command)
        .map(|found| (1..4).find_map(|group| found.get(group)).map_or("", |text| text.as_str()).to_owned())
        .collect()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Commands that are not carried out here, by how they begin, and why not. All others are, as they stand on the pages.
const ONLY_READ: [(&str, &str); 13] = [
    ("cargo run --release -- demo", "it would build everything once more; tests/demo.rs plays the demo"),
    ("cargo run -p strata-tests --example control_plane", "it serves until somebody ends it"),
    ("cargo test", "this is one of its tests"),
    ("cargo fmt", "a step of .ci/run"),
    ("cargo clippy", "a step of .ci/run"),
    (".ci/run", "it runs this test"),
    ("cargo bench", "it measures, and takes long"),
    ("export KUBEBUILDER_ASSETS=", "a step of .ci/run, which takes long"),
    ("export STRATA_CHARTS=", "a step of .ci/run, which takes long"),
    ("tests/fuzz/run.sh", "a step of .ci/run, which takes long"),
    ("kubectl config view", "a program of somebody else, on a kubeconfig of the reader"),
    ("strata serve --database postgres:", "that database is nowhere; tests/server.rs has one"),
    ("strata demo --kubeconfig edge-1.kubeconfig --management-kubeconfig", "tests/demo.rs plays it"),
];

/// Why a command is only read, if it is.
fn excuse(command: &str) -> Option<&'static str> {
    ONLY_READ.iter().find(|(begin, _)| command.starts_with(begin)).map(|(_, why)| *why)
}

#[test]
fn every_command_is_carried_out_or_excused() {
    let all: Vec<(String, String)> = pages()
        .into_iter()
        .flat_map(|page| commands(&read(&page)).into_iter().map(move |command| (page.clone(), command)))
        .collect();
    assert!(all.len() > 10, "only {} commands were found: are the blocks still called `console`?", all.len());
    for (page, command) in &all {
        let carried_out = ["README.md", "docs/packs.md", "docs/profiles.md", "docs/previews.md"]
            .contains(&page.as_str())
            && command.starts_with("strata ");
        assert!(carried_out || excuse(command).is_some(), "{page}: `{command}`");
    }
    for (begin, _) in ONLY_READ {
        assert!(all.iter().any(|(_, command)| command.starts_with(begin)), "no page says `{begin}` any more");
    }
    // What is only read is at least there.
    for file in [
        ".ci/run",
        "tests/charts/build.sh",
        "tests/control-plane/build.sh",
        "tests/fuzz/run.sh",
        "tests/examples/control_plane.rs",
    ] {
        assert!(root().join(file).is_file(), "{file}");
    }
}

/// Of the commands that are only read, those of ours are accepted as written: with `--help` at its end, a command line is
/// read and its subcommand and flags are judged, and nothing is done.
#[test]
fn what_is_only_read_is_accepted() -> Result<()> {
    for page in pages() {
        for command in commands(&read(&page)) {
            if !command.starts_with("strata ") || excuse(&command).is_none() {
                continue;
            }
            let output = Command::new(program!()).args(&words(&command)[1..]).arg("--help").output()?;
            ensure!(output.status.success(), "{page}: `{command}`:\n{}", text(&output));
        }
    }
    Ok(())
}

/// What the README tells to do with a server, as it stands there and in that order, in one folder, against simulated
/// clusters: a server is started, clusters are registered, a profile is applied, and the demo played on the same cluster.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_readme_leads_to_a_running_application() -> Result<()> {
    let readme = read("README.md");
    let folder = tempfile::tempdir()?;
    // The demo's own cluster has a name with a random end.
    let fleet = Fleet::simulated(&["prod-1", "strata-demo"]).await?;
    fs::write(folder.path().join("edge-1.kubeconfig"), fleet.imported())?;
    fs::write(folder.path().join("management.kubeconfig"), fleet.management())?;
    let draft = blocks(&readme, "yaml").pop().context("the README shows no profile")?;
    fs::write(folder.path().join("web.yaml"), draft)?;
    std::os::unix::fs::symlink(root().join("deploy"), folder.path().join("deploy"))?;

    let server = Server::start(program!(), Database::Sqlite).await?;
    let ours = commands(&readme).into_iter().filter(|command| command.starts_with("strata "));
    for command in ours.filter(|command| excuse(command).is_none()) {
        let words = words(&command);
        let mut run = tokio::process::Command::new(program!());
        run.args(&words[1..])
            .current_dir(folder.path())
            .env("STRATA_SERVER", server.url())
            .env("STRATA_TOKEN_FILE", server.token_file())
            .env("STRATA_LISTEN", "127.0.0.1:0")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let expected = match words[1].as_str() {
            "serve" => {
                serves(run).await.with_context(|| command.clone())?;
                continue;
            }
            // It would go on serving, on a port that may be taken.
            "demo" => {
                run.args(["--exit", "--listen", "127.0.0.1:0"]);
                0
            }
            "preview" => 2,
            _ => 0,
        };
        let output =
            tokio::time::timeout(PATIENCE, run.output()).await.with_context(|| command.clone())??;
        ensure!(
            output.status.code() == Some(expected),
            "`{command}` ended with {}:\n{}",
            output.status,
            text(&output)
        );
    }
    let cluster = fleet.simulated_cluster("branch-1").context("no cluster")?;
    let deployment = cluster.object("apps/v1", "Deployment", "hello-universe", "hello-universe-deployment");
    let deployment = deployment.context("the application is not there")?;
    assert_eq!(deployment["spec"]["replicas"], 2);
    Ok(())
}

/// What the page for authors of packs tells, as it stands there and in that order: its files are written into one folder, its
/// commands carried out there, and where it shows what a command prints, that is what is printed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_for_pack_authors_holds() -> Result<()> {
    let page = read("docs/packs.md");
    let folder = tempfile::tempdir()?;
    let files = Regex::new(r"(?s)`([a-z]+/[\w./-]+)`[^`]*?:\n\n```\w+\n(.*?)```\n")?;
    let mut written = 0;
    for file in files.captures_iter(&page) {
        let path = folder.path().join(&file[1]);
        fs::create_dir_all(path.parent().context("a file in no folder")?)?;
        fs::write(path, &file[2])?;
        written += 1;
    }
    ensure!(written == 9, "{written} files were found on the page");
    // The pack of the page holds the chart of the page.
    let chart = folder.path().join("shop/charts/web");
    fs::create_dir_all(chart.join("templates"))?;
    for file in ["Chart.yaml", "values.yaml", "templates/deployment.yaml"] {
        fs::copy(folder.path().join("web").join(file), chart.join(file))?;
    }
    let helm = strata_tests::charts::helm::program_or_leave_out();

    let server = Server::start(program!(), Database::Sqlite).await?;
    let blocks = Regex::new(r"(?s)```console\n(.*?)```\n(?:\n```text\n(.*?)```)?")?;
    let mut carried_out = 0;
    for block in blocks.captures_iter(&page) {
        let mut printed = String::new();
        for command in block[1].lines() {
            let words = words(command);
            if words[2] == "verify" && helm.is_none() {
                continue;
            }
            let mut path = std::env::var_os("PATH").unwrap_or_default();
            if let Some(helm) = &helm {
                let folders = std::env::split_paths(&path).collect::<Vec<_>>();
                path = std::env::join_paths(helm.parent().map(Path::to_owned).into_iter().chain(folders))?;
            }
            let run = tokio::process::Command::new(program!())
                .args(&words[1..])
                .current_dir(folder.path())
                .env("PATH", path)
                .env("STRATA_SERVER", server.url())
                .env("STRATA_TOKEN_FILE", server.token_file())
                .stdin(Stdio::null())
                .kill_on_drop(true)
                .output();
            let output = tokio::time::timeout(PATIENCE, run).await.with_context(|| command.to_owned())??;
            ensure!(output.status.success(), "`{command}` ended with {}:\n{}", output.status, text(&output));
            printed = String::from_utf8(output.stdout)?;
            carried_out += 1;
        }
        if let Some(shown) = block.get(2) {
            ensure!(printed == shown.as_str(), "`{}` prints\n{printed}", &block[1]);
        }
    }
    ensure!(carried_out >= 7, "{carried_out} commands were found on the page");
    Ok(())
}

/// What the page for authors of profiles tells, as it stands there and in that order, against a simulated cluster. Where it shows
/// what a command prints, that is what is printed; `…` stands for a digest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_for_profile_authors_holds() -> Result<()> {
    let page = read("docs/profiles.md");
    let folder = tempfile::tempdir()?;
    let files = Regex::new(r"(?s)`(web[\w-]*\.yaml)`:\n\n```yaml\n(.*?)```\n")?;
    let mut written = 0;
    for file in files.captures_iter(&page) {
        fs::write(folder.path().join(&file[1]), &file[2])?;
        written += 1;
    }
    ensure!(written == 3, "{written} files were found on the page");
    std::os::unix::fs::symlink(root().join("deploy"), folder.path().join("deploy"))?;
    let fleet = Fleet::simulated(&[]).await?;
    fs::write(folder.path().join("edge-1.kubeconfig"), fleet.imported())?;

    let server = Server::start(program!(), Database::Sqlite).await?;
    let blocks = Regex::new(r"(?s)```console\n(.*?)```\n(?:[^`]*?\n```text\n(.*?)```)?")?;
    let digest = Regex::new(r"sha256-v1:[0-9a-f]+")?;
    let mut carried_out = 0;
    for block in blocks.captures_iter(&page) {
        let mut printed = String::new();
        for command in block[1].lines() {
            let words = words(command);
            let run = tokio::process::Command::new(program!())
                .args(&words[1..])
                .current_dir(folder.path())
                .env("STRATA_SERVER", server.url())
                .env("STRATA_TOKEN_FILE", server.token_file())
                .stdin(Stdio::null())
                .kill_on_drop(true)
                .output();
            let output = tokio::time::timeout(PATIENCE, run).await.with_context(|| command.to_owned())??;
            let expected = match (words[1].as_str(), words[2].as_str()) {
                ("profile", "diff") | ("preview", _) => 2,
                ("profile", "validate") => 3,
                _ => 0,
            };
            let code = output.status.code();
            ensure!(code == Some(expected), "`{command}` ended with {code:?}:\n{}", text(&output));
            printed = digest.replace_all(&text(&output), "…").into_owned();
            carried_out += 1;
        }
        if let Some(shown) = block.get(2) {
            ensure!(printed == shown.as_str(), "`{}` prints\n{printed}", &block[1]);
        }
    }
    ensure!(carried_out >= 20, "{carried_out} commands were found on the page");
    Ok(())
}

/// What the page for approvers is about: two versions of a profile, and a cluster with an override and a variable.
const WELCOME: &str = "\
layers:
  - name: page
    pack: {name: hello-universe, version: 1.2.0}
    values: |
      pack:
        namespace: welcome
      manifests:
        hello-universe:
          replicas: \"{{.strata.var.replicas | fromYaml}}\"
          greeting: Hello!
          port: 8080
variables:
  - {name: replicas, format: number, defaultValue: '2'}
";

/// The previews of the page for approvers are made as they stand there, and the first one prints what is shown; of commands
/// with placeholders, words and flags are judged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_for_approvers_holds() -> Result<()> {
    let page = read("docs/previews.md");
    let folder = tempfile::tempdir()?;
    let next = WELCOME
        .replace(
            "greeting: Hello!",
            "image: docker.io/library/nginx:1.28-alpine\n          greeting: Welcome!",
        )
        .replace("port: 8080", "port: 9090")
        .replace("defaultValue: '2'}", "defaultValue: '2', options: [{value: '2'}, {value: '3'}]}");
    fs::write(folder.path().join("one.yaml"), WELCOME)?;
    fs::write(folder.path().join("two.yaml"), next)?;
    std::os::unix::fs::symlink(root().join("deploy"), folder.path().join("deploy"))?;
    let fleet = Fleet::simulated(&[]).await?;
    fs::write(folder.path().join("edge-1.kubeconfig"), fleet.imported())?;
    let server = Server::start(program!(), Database::Sqlite).await?;
    let run = async |command: &str| -> Result<(Option<i32>, String)> {
        let run = tokio::process::Command::new(program!())
            .args(&words(command)[1..])
            .current_dir(folder.path())
            .env("STRATA_SERVER", server.url())
            .env("STRATA_TOKEN_FILE", server.token_file())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(PATIENCE, run).await.with_context(|| command.to_owned())??;
        Ok((output.status.code(), text(&output)))
    };
    for command in [
        "strata pack add deploy/examples/packs",
        "strata profile create welcome --type addon",
        "strata profile draft welcome 1.0.0 --file one.yaml",
        "strata profile publish welcome 1.0.0",
        "strata profile draft welcome 1.1.0 --file two.yaml",
        "strata profile publish welcome 1.1.0",
        "strata profile create base --type addon",
        "strata cluster register edge-1 --kubeconfig edge-1.kubeconfig --label stage=prod",
        "strata apply edge-1 --profile welcome@1.0.0 --set page:manifests.hello-universe.greeting=Hallo \
         --set page:manifests.hello-universe.port=9090 --var replicas=5 --watch",
    ] {
        let (code, printed) = run(command).await?;
        ensure!(code == Some(0), "`{command}` ended with {code:?}:\n{printed}");
    }
    let mut carried_out = 0;
    let digest = Regex::new(r"hmac[\w-]*:[0-9a-f]+")?;
    for command in commands(&page) {
        let placeholder = ["CHANGE", "DIGEST"].iter().any(|word| words(&command).iter().any(|it| it == word));
        if placeholder {
            let (code, printed) = run(&format!("{command} --help")).await?;
            ensure!(code == Some(0), "`{command}`:\n{printed}");
            continue;
        }
        let (code, printed) = run(&command).await?;
        let expected = match command.as_str() {
            // What is decided leaves what is to be acknowledged.
            decided if decided.contains("--resolve") || decided.contains("--unset") => 2,
            of_edge if of_edge.starts_with("strata preview edge-1") => 3,
            // Nothing was left behind yet.
            orphans if orphans.starts_with("strata orphans") => 4,
            // It does run the profile, and is of the stage.
            many if many.contains("--label") => 3,
            _ => 0,
        };
        ensure!(code == Some(expected), "`{command}` ended with {code:?}:\n{printed}");
        if command.starts_with("strata why") && command.contains(" spec.") {
            let shown = blocks(&page, "text").into_iter().find(|shown| shown.contains("given by"));
            ensure!(shown.as_deref() == Some(printed.as_str()), "`{command}` prints\n{printed}");
        }
        if carried_out == 0 {
            let printed = digest.replace_all(&printed, "…").into_owned();
            let shown = blocks(&page, "text").into_iter().next().context("nothing is shown")?;
            ensure!(printed == shown, "`{command}` prints\n{printed}\nand the page shows\n{shown}");
        }
        carried_out += 1;
    }
    ensure!(carried_out >= 10, "{carried_out} commands were found on the page");
    // The code says what was found whether or not somebody reads on; what cannot be written is a failure.
    for (gone, expected) in [(true, 3), (false, 1)] {
        let (reader, writer) = std::io::pipe()?;
        drop(reader);
        let full = || fs::File::options().write(true).open("/dev/full");
        let code = tokio::process::Command::new(program!())
            .args(["preview", "edge-1", "--profile", "welcome@1.1.0"])
            .env("STRATA_SERVER", server.url())
            .env("STRATA_TOKEN_FILE", server.token_file())
            .stdin(Stdio::null())
            .stdout(if gone { Stdio::from(writer) } else { Stdio::from(full()?) })
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .status();
        let code = tokio::time::timeout(PATIENCE, code).await??.code();
        ensure!(code == Some(expected), "{code:?} instead of {expected}");
    }
    Ok(())
}

/// The page for approvers has every finding with the severities that the code gives it.
#[test]
fn every_finding_is_explained_to_approvers() {
    let page = read("docs/previews.md");
    let row = Regex::new(r"(?m)^\| `([A-Z_]+)` \| ([A-Z]+(?: or [A-Z]+)*|—) \| .+ \| .+ \|$").unwrap();
    let told: Vec<(String, BTreeSet<String>)> = row
        .captures_iter(&page)
        .map(|found| (found[1].to_owned(), found[2].split(" or ").map(str::to_owned).collect()))
        .filter(|(code, _)| FindingCode::ALL.iter().any(|known| known.as_str() == code))
        .collect();
    let codes: Vec<&str> = told.iter().map(|(code, _)| code.as_str()).collect();
    let all: Vec<&str> = FindingCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(codes, all, "all of them, in the order of the code");

    // Where a code stands beside its severity in the sources, the page says the same.
    let beside = Regex::new(r"FindingCode::(\w+),\s*Severity::(\w+)").unwrap();
    let mut found = std::collections::BTreeMap::<String, BTreeSet<String>>::new();
    for file in sources(&root().join("crates/plan/src")) {
        for pair in beside.captures_iter(&fs::read_to_string(file).unwrap()) {
            let code = FindingCode::ALL.iter().find(|code| format!("{code:?}") == pair[1]).unwrap();
            found.entry(code.as_str().to_owned()).or_default().insert(pair[2].to_uppercase());
        }
    }
    assert!(found.len() > 15, "only {} codes were found beside a severity", found.len());
    for (code, severities) in told {
        let of_code = found.remove(&code).unwrap_or_default();
        assert!(
            of_code.is_subset(&severities),
            "{code} is {of_code:?} in the code, {severities:?} on the page"
        );
    }
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .collect()
}

/// Starts a server, and ends it when it says that it listens.
async fn serves(mut command: tokio::process::Command) -> Result<()> {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(child.stderr.take().context("no output")?).lines();
    let listening = async {
        while let Some(line) = lines.next_line().await? {
            if line.contains("listening") {
                return Ok(());
            }
        }
        anyhow::bail!("it ended")
    };
    tokio::time::timeout(PATIENCE, listening).await??;
    let id = child.id().context("it has ended")?.to_string();
    ensure!(Command::new("kill").args(["-INT", &id]).status()?.success());
    // Until it has ended, somebody reads what it says.
    while lines.next_line().await?.is_some() {}
    let status = tokio::time::timeout(PATIENCE, child.wait()).await??;
    ensure!(status.success(), "it ended with {status}");
    Ok(())
}

#[test]
fn links_lead_somewhere() {
    let link = Regex::new(r"\]\(([^)#]+)[^)]*\)").unwrap();
    for page in pages() {
        let folder = root().join(&page).parent().unwrap().to_owned();
        for found in link.captures_iter(&read(&page)) {
            let target = &found[1];
            assert!(target.starts_with("http") || folder.join(target).exists(), "{page}: {target}");
        }
    }
}

/// The codes of a section of the page of codes.
fn codes_of(page: &str, heading: &str) -> BTreeSet<String> {
    let (_, rest) =
        page.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no section {heading}"));
    let section = rest.split("\n## ").next().unwrap_or(rest);
    let code = Regex::new(r"(?m)^\| `([A-Z_0-9]+)` \|").unwrap();
    code.captures_iter(section).map(|found| found[1].to_owned()).collect()
}

#[test]
fn the_page_of_codes_is_complete() {
    let page = read("docs/errors.md");
    let mut errors: BTreeSet<String> = RefusalCode::ALL.iter().map(|code| code.as_str().to_owned()).collect();
    errors.insert("INTERNAL".to_owned());
    assert_eq!(codes_of(&page, "Errors"), errors);
    let findings: BTreeSet<String> = FindingCode::ALL.iter().map(|code| code.as_str().to_owned()).collect();
    assert_eq!(codes_of(&page, "Findings"), findings);
}

/// Codes of failures and diagnostics are texts in the code: each that is there must be on the page, and none that is not.
#[test]
fn codes_in_the_code_are_on_the_page() {
    let page = read("docs/errors.md");
    let mut listed = codes_of(&page, "Failures of changes");
    listed.extend(codes_of(&page, "Reasons to wait"));
    listed.extend(codes_of(&page, "Problems in texts"));
    let code = Regex::new(r#""([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)""#).unwrap();
    let mut found = BTreeSet::new();
    for folder in [
        "values/src",
        "registry/src",
        "document/src",
        "render/src",
        "plan/src/validate",
        "cluster/src",
        "engine/src",
    ] {
        let mut files = Vec::new();
        collect(&root().join("crates").join(folder), &mut files);
        for file in files.iter().filter(|file| !file.ends_with("tests.rs")) {
            let text = fs::read_to_string(file).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            // Names of environment variables and of serde's conventions are texts of the same shape.
            found.extend(
                code.captures_iter(text)
                    .map(|found| found[1].to_owned())
                    .filter(|code| code != "SCREAMING_SNAKE_CASE" && !code.starts_with("KUBERNETES_SERVICE")),
            );
        }
    }
    let errors = codes_of(&page, "Errors");
    let findings = codes_of(&page, "Findings");
    let missing: Vec<_> = found
        .iter()
        .filter(|code| !listed.contains(*code) && !errors.contains(*code) && !findings.contains(*code))
        .collect();
    assert!(missing.is_empty(), "docs/errors.md does not explain {missing:?}");
    // Codes of one word look like any other text.
    let gone = listed.difference(&found).filter(|code| code.contains('_') && !errors.contains(*code));
    let gone: Vec<_> = gone.collect();
    assert!(gone.is_empty(), "docs/errors.md explains what no code says: {gone:?}");
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
