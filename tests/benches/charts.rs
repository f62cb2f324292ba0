//! How fast charts are rendered in process, and how much faster than by starting `helm template`.
//!
//! `cargo bench --workspace --bench charts`: every case of the corpus that renders, one at a time on one thread: files
//! read, chart loaded, templates parsed and executed, manifests cut. `STRATA_BENCH_ROUNDS` (3) rounds in process; Helm
//! once. Peak memory is that of this process, from its start.

use std::{
    env, fs,
    hint::black_box,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use strata_render::template::with_large_stack;
use strata_tests::charts::{Case, Corpus, helm::Helm, ours::load_and_render};

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// The highest resident size of this process so far, in MiB; Linux only.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? / 1024)
}

fn in_process(cases: &[Case], rounds: u32) -> Result<Vec<Duration>> {
    let run = || -> Result<Vec<Duration>> {
        let mut times = Vec::new();
        for case in cases {
            let mut best = Duration::MAX;
            for _ in 0..rounds {
                let started = Instant::now();
                let rendered = load_and_render(case, &case.files()?);
                best = best.min(started.elapsed());
                black_box(&rendered);
            }
            times.push(best);
        }
        Ok(times)
    };
    with_large_stack(run).context("a thread")?
}

fn main() -> Result<()> {
    let Some(mut corpus) = Corpus::open_or_leave_out()? else { return Ok(()) };
    let rounds =
        env::var("STRATA_BENCH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(3).max(1);
    let mut cases = std::mem::take(&mut corpus.cases);
    cases.retain(|case| case.refused.is_none());

    let mut ours = in_process(&cases, rounds)?;
    let memory = peak_memory();
    let helm = Helm::start(&corpus.folder)?;
    let mut theirs = Vec::new();
    for case in &cases {
        let started = Instant::now();
        black_box(helm.template(case)?).ok().with_context(|| case.name())?;
        theirs.push(started.elapsed());
    }

    let slowest =
        cases.iter().zip(&ours).max_by_key(|(_, time)| **time).map(|(case, time)| (case.name(), *time));
    let [total_ours, total_theirs] = [&ours, &theirs].map(|times| times.iter().sum::<Duration>());
    let [median_ours, median_theirs] = [median(&mut ours), median(&mut theirs)];
    let count = u32::try_from(cases.len())?;
    println!("{count} charts (a chart with each of its variations), one thread");
    println!(
        "in process      {:8.0} charts/s  mean {:6.2} ms  median {:6.2} ms",
        f64::from(count) / total_ours.as_secs_f64(),
        1e3 * total_ours.as_secs_f64() / f64::from(count),
        1e3 * median_ours.as_secs_f64()
    );
    println!(
        "helm template   {:8.0} charts/s  mean {:6.2} ms  median {:6.2} ms",
        f64::from(count) / total_theirs.as_secs_f64(),
        1e3 * total_theirs.as_secs_f64() / f64::from(count),
        1e3 * median_theirs.as_secs_f64()
    );
    println!(
        "in process is {:.1} times as fast by the mean, {:.1} times by the median",
        total_theirs.as_secs_f64() / total_ours.as_secs_f64(),
        median_theirs.as_secs_f64() / median_ours.as_secs_f64()
    );
    if let Some((name, time)) = slowest {
        println!("slowest: {name}, {:.2} ms", 1e3 * time.as_secs_f64());
    }
    if let Some(memory) = memory {
        println!("peak memory of the process: {memory} MiB");
    }
    Ok(())
}
