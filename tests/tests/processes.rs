//! No process outlives the test that started it, not even when the test is killed.

use std::{
    env,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use strata_tests::processes::{Group, Guardian, Process, until};

/// Set for the process that is killed.
const VICTIM: &str = "STRATA_TEST_VICTIM_DIRECTORY";

/// Not a test of its own: the other half of the next one, in a process that gets killed.
#[test]
fn victim() -> Result<()> {
    let Some(directory) = env::var_os(VICTIM) else { return Ok(()) };
    let directory = Path::new(&directory);
    let mut guardian = Guardian::start(directory)?;
    // A group of two, the second of which would survive the first.
    let leader = Process::start("leader", Command::new("sleep").arg("600"), directory, Group::Own)?;
    guardian.kill_group(leader.id())?;
    let member =
        Process::start("member", Command::new("sleep").arg("600"), directory, Group::Of(leader.id()))?;
    println!("\nstarted {} {}", leader.id(), member.id());
    std::thread::park();
    Ok(())
}

#[tokio::test]
async fn a_killed_test_leaves_no_process_and_no_directory() -> Result<()> {
    let directory = tempfile::tempdir()?.keep();
    let mut victim = Command::new(env::current_exe()?)
        .args(["--exact", "victim", "--nocapture"])
        .env(VICTIM, &directory)
        .stdout(Stdio::piped())
        .spawn()?;
    let output = BufReader::new(victim.stdout.take().context("no output")?);
    let started = output
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("started ").map(str::to_owned))
        .context("the victim did not start")?;
    let ids: Vec<&str> = started.split(' ').collect();
    assert_eq!(ids.len(), 2);
    ensure!(ids.iter().all(|id| is_running(id)), "{started} do not run");
    // As `kill -9` does: nothing of the victim's own code runs any more.
    victim.kill()?;
    victim.wait()?;
    let gone = async || (!directory.exists() && !ids.iter().any(|id| is_running(id))).then_some(());
    until(Duration::from_secs(20), gone).await.context("something is left behind")
}

/// A process that has ended and that nobody has reaped yet does not run.
fn is_running(id: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
}
