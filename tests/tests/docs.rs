//! The pages for people say what is true: their commands exist, their codes are those of the code, their links lead somewhere.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail them")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context as _, Result, ensure};
use regex::Regex;
use strata_model::{error::RefusalCode, finding::FindingCode};
use strata_tests::{Database, Server, program};

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

#[test]
fn every_command_is_one_that_we_know() {
    let mut seen = 0;
    for page in pages() {
        for command in commands(&read(&page)) {
            seen += 1;
            let words = words(&command);
            let known = match words.first().map(String::as_str) {
                Some("strata") => true,
                Some("cargo") => ["run", "test", "fmt", "clippy"].contains(&words[1].as_str()),
                Some(".ci/run") => root().join(".ci/run").is_file(),
                Some("kubectl") => command.starts_with("kubectl config view"),
                Some("export") => {
                    command.contains("tests/control-plane/build.sh")
                        && root().join("tests/control-plane/build.sh").is_file()
                }
                _ => false,
            };
            assert!(known, "{page}: `{command}`");
        }
    }
    assert!(seen > 10, "only {seen} commands were found: are the blocks still called `console`?");
}

/// Every `strata …` of the pages is accepted as written: with `--help` at its end, a command line is read and its
/// subcommand and flags are judged, and nothing is done.
#[test]
fn every_strata_command_line_is_accepted() -> Result<()> {
    for page in pages() {
        for command in commands(&read(&page)).iter().filter(|command| command.starts_with("strata ")) {
            let words = words(command);
            // A server that cannot be there: a client command that is read correctly ends with "unreachable".
            let mut run = Command::new(program!());
            run.args(&words[1..]).env("STRATA_SERVER", "http://127.0.0.1:9").current_dir(root());
            let acts_here =
                matches!(words[1].as_str(), "serve" | "demo") || words.contains(&"create-admin".into());
            if acts_here {
                run.arg("--help");
            }
            let output = run.output()?;
            let said = text(&output);
            let code = output.status.code().context("killed")?;
            let missing_file = said.contains("No such file or directory");
            ensure!(
                code == 0 || code == 6 || (code == 64 && missing_file),
                "{page}: `{command}` ended with {code}:\n{said}"
            );
        }
    }
    Ok(())
}

/// The part of the README that points Strata at a cluster, as it stands there, against a real server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_readme_leads_to_a_running_application() -> Result<()> {
    use strata_sim::{ClusterOptions, Simulator, SimulatorOptions};

    let readme = read("README.md");
    let folder = tempfile::tempdir()?;
    let simulator = Simulator::start(SimulatorOptions::default()).await?;
    let cluster = simulator.add_cluster(ClusterOptions::new("edge-1")).await?;
    fs::write(folder.path().join("edge-1.kubeconfig"), cluster.kubeconfig())?;
    let draft = blocks(&readme, "yaml").pop().context("the README shows no profile")?;
    fs::write(folder.path().join("web.yaml"), draft)?;

    let server = Server::start(program!(), Database::Sqlite).await?;
    for command in commands(&readme).iter().filter(|command| command.starts_with("strata ")) {
        let words = words(command);
        let about_this = ["pack", "profile", "preview", "apply"].contains(&words[1].as_str())
            || command.starts_with("strata cluster register edge-1");
        if !about_this {
            continue;
        }
        let arguments: Vec<String> = words[1..]
            .iter()
            .map(|word| match word.as_str() {
                "edge-1.kubeconfig" | "web.yaml" => folder.path().join(word).display().to_string(),
                "deploy/examples/packs" => root().join(word).display().to_string(),
                _ => word.clone(),
            })
            .collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = server.run(&arguments).await?;
        let expected = if words[1] == "preview" { 2 } else { 0 };
        ensure!(
            output.status.code() == Some(expected),
            "`{command}` ended with {}:\n{}",
            output.status,
            text(&output)
        );
    }
    let deployment = cluster.object("apps/v1", "Deployment", "hello-universe", "hello-universe-deployment");
    let deployment = deployment.context("the application is not there")?;
    assert_eq!(deployment["spec"]["replicas"], 2);
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
    for folder in ["values", "registry", "render", "cluster", "engine"] {
        let mut files = Vec::new();
        collect(&root().join("crates").join(folder).join("src"), &mut files);
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
