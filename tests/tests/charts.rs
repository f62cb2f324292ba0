//! Parity with Helm, counted: every chart of the corpus, with its default values and with variations, rendered in process
//! and by the real `helm`.
//!
//! The score must not sink below `tests/charts/score.json` (`STRATA_CHARTS_RECORD=1` records a higher one), and each miss
//! must be in `tests/charts/known-misses.yaml` with its reason. `STRATA_CHARTS_ONLY=cilium,dapr` renders these charts
//! alone, and then neither is looked at. `STRATA_CHARTS_MISSES` names a file that the misses are written to.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    sync::Mutex,
    thread,
};

use anyhow::{Context as _, Result};
use strata_tests::charts::{
    Case, Corpus,
    compare::{self, Difference, Texts},
    corpus::DEFAULTS,
    helm::{Expected, Helm},
    ours,
    score::{Kind, Score, known_misses},
};

/// What came of one case.
#[derive(Debug)]
struct Outcome {
    case: Case,
    kind: Option<Kind>,
    differences: Vec<Difference>,
    texts: Texts,
    /// What is wrong with the corpus itself.
    unsound: Option<String>,
    /// Helm's objects, to see whether a variation varies anything.
    print: Option<String>,
    /// Both refuse: whether with the same words.
    same_message: Option<bool>,
}

fn judge(helm: &mut Helm, case: Case) -> Result<Outcome> {
    let expected = helm.render(&case)?;
    let got = ours::render(&case, &case.files()?);
    let mut outcome = Outcome {
        case,
        kind: None,
        differences: Vec::new(),
        texts: Texts::default(),
        unsound: None,
        print: None,
        same_message: None,
    };
    let miss = |what: &str, expected: &str, got: &str| Difference {
        what: what.to_owned(),
        path: String::new(),
        expected: expected.to_owned(),
        got: got.to_owned(),
    };
    match (expected, got) {
        (Expected::Refused(message), got) => {
            let message =
                message.trim().lines().filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
            match &outcome.case.refused {
                None => outcome.unsound = Some(format!("Helm refuses it: {message}")),
                Some(part) if !message.contains(part.as_str()) => {
                    outcome.unsound = Some(format!("Helm refuses it with other words: {message}"));
                }
                Some(part) => {
                    outcome.same_message = got.as_ref().err().map(|ours| ours.contains(part.as_str()))
                }
            }
            if got.is_ok() {
                outcome.kind = Some(Kind::Refusal);
                outcome.differences = vec![miss("refusal", &message, "a render")];
            }
        }
        (Expected::Rendered(both), got) => {
            if outcome.case.refused.is_some() {
                outcome.unsound = Some("Helm does not refuse it".to_owned());
            }
            outcome.print = Some(serde_json::to_string(&both[0].objects)?);
            outcome.texts.total = both[0].texts.len();
            match got {
                Err(message) => {
                    outcome.kind = Some(Kind::Error);
                    outcome.differences = vec![miss("error", "a render", &message)];
                }
                Ok(ours) => {
                    let mut objects = helm.objects(&ours.definitions)?;
                    objects.extend(ours.objects);
                    outcome.differences = compare::objects([&both[0].objects, &both[1].objects], &objects);
                    outcome.texts = compare::texts(&both, &ours.texts);
                    if !outcome.differences.is_empty() {
                        outcome.kind = Some(Kind::Objects);
                    } else if !outcome.texts.differences.is_empty() {
                        outcome.kind = Some(Kind::Texts);
                    }
                }
            }
        }
    }
    Ok(outcome)
}

fn judge_all(corpus: &Corpus, cases: Vec<Case>) -> Result<Vec<Outcome>> {
    let pending = Mutex::new(cases.into_iter().rev().collect::<Vec<_>>());
    let work = || -> Result<Vec<Outcome>> {
        let mut helm = Helm::start(&corpus.folder)?;
        let mut outcomes = Vec::new();
        loop {
            let case = pending.lock().ok().and_then(|mut pending| pending.pop());
            let Some(case) = case else { return Ok(outcomes) };
            outcomes.push(judge(&mut helm, case)?);
        }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from).min(4);
    let mut outcomes = Vec::new();
    thread::scope(|scope| -> Result<()> {
        let threads = (0..workers).map(|_| scope.spawn(work)).collect::<Vec<_>>();
        for thread in threads {
            outcomes.extend(thread.join().ok().context("a worker panicked")??);
        }
        Ok(())
    })?;
    outcomes.sort_by(|one, other| {
        (&one.case.chart, &one.case.variation).cmp(&(&other.case.chart, &other.case.variation))
    });
    Ok(outcomes)
}

fn score_of(outcomes: &[Outcome]) -> Score {
    let charts = outcomes.iter().map(|outcome| &outcome.case.chart).collect::<BTreeSet<_>>();
    let makers = outcomes.iter().map(|outcome| &outcome.case.maker).collect::<BTreeSet<_>>();
    let rendered = outcomes.iter().filter(|outcome| outcome.kind != Some(Kind::Error));
    Score {
        charts: charts.len(),
        makers: makers.len(),
        cases: outcomes.len(),
        equal: outcomes.iter().filter(|outcome| matches!(outcome.kind, None | Some(Kind::Texts))).count(),
        texts: outcomes.iter().map(|outcome| outcome.texts.total).sum(),
        equal_texts: rendered
            .map(|outcome| outcome.texts.total - outcome.texts.random - outcome.texts.differences.len())
            .sum(),
    }
}

/// The score of each chart, then the misses in full.
fn table(outcomes: &[Outcome]) -> Result<(String, String)> {
    let mut charts: BTreeMap<&str, Vec<&Outcome>> = BTreeMap::new();
    for outcome in outcomes {
        charts.entry(&outcome.case.chart).or_default().push(outcome);
    }
    let mut table = String::new();
    for (chart, of_chart) in charts {
        let equal =
            of_chart.iter().filter(|outcome| matches!(outcome.kind, None | Some(Kind::Texts))).count();
        let texts: usize = of_chart.iter().map(|outcome| outcome.texts.total).sum();
        let score = score_of(&of_chart.iter().map(|outcome| (*outcome).clone_counts()).collect::<Vec<_>>());
        writeln!(
            table,
            "{chart:32} cases {equal:2}/{:<2} texts {:4}/{texts}",
            of_chart.len(),
            score.equal_texts
        )?;
    }
    let mut misses = String::new();
    for outcome in outcomes {
        let Some(kind) = outcome.kind else { continue };
        writeln!(misses, "{}: {kind:?}", outcome.case.name())?;
        for (title, differences) in [("", &outcome.differences), ("text ", &outcome.texts.differences)] {
            for difference in differences.iter().take(5) {
                let Difference { what, path, expected, got } = difference;
                writeln!(misses, "  {title}{what} {path}\n    helm {expected}\n    ours {got}")?;
            }
            if differences.len() > 5 {
                writeln!(misses, "  and {} more", differences.len() - 5)?;
            }
        }
    }
    Ok((table, misses))
}

impl Outcome {
    /// Without the differences.
    fn clone_counts(&self) -> Self {
        Self {
            case: self.case.clone(),
            kind: self.kind,
            differences: Vec::new(),
            texts: self.texts.clone(),
            unsound: None,
            print: None,
            same_message: self.same_message,
        }
    }
}

/// What is wrong with the corpus: a refusal that nobody expects, a variation that varies nothing.
fn unsound(outcomes: &[Outcome]) -> Vec<String> {
    let defaults = outcomes.iter().filter(|outcome| outcome.case.variation == DEFAULTS);
    let defaults = defaults.map(|outcome| (&outcome.case.chart, &outcome.print)).collect::<BTreeMap<_, _>>();
    let idle = outcomes.iter().filter(|outcome| {
        outcome.case.variation != DEFAULTS
            && outcome.print.is_some()
            && defaults.get(&outcome.case.chart).is_some_and(|print| **print == outcome.print)
    });
    let idle = idle.map(|outcome| format!("{}: the same as the defaults", outcome.case.name()));
    let unsound = outcomes
        .iter()
        .filter_map(|outcome| Some(format!("{}: {}", outcome.case.name(), outcome.unsound.as_ref()?)));
    unsound.chain(idle).collect()
}

#[test]
fn charts_render_as_by_helm() -> Result<()> {
    let Some(mut corpus) = Corpus::open_or_leave_out()? else { return Ok(()) };
    let only = env::var("STRATA_CHARTS_ONLY").ok();
    let mut cases = std::mem::take(&mut corpus.cases);
    if let Some(only) = &only {
        cases.retain(|case| only.split(',').any(|chart| chart == case.chart));
    }
    let outcomes = judge_all(&corpus, cases)?;
    let score = score_of(&outcomes);
    let (table, misses) = table(&outcomes)?;
    println!("{table}\n{misses}");
    let refused = outcomes.iter().filter_map(|outcome| outcome.same_message).collect::<Vec<_>>();
    println!(
        "{} of {} cases equal ({} charts of {} makers); {} of {} texts equal; {} of {} refusals in the same words",
        score.equal,
        score.cases,
        score.charts,
        score.makers,
        score.equal_texts,
        score.texts,
        refused.iter().filter(|same| **same).count(),
        refused.len()
    );
    if let Some(file) = env::var_os("STRATA_CHARTS_MISSES") {
        std::fs::write(file, misses)?;
    }
    let unsound = unsound(&outcomes);
    assert!(unsound.is_empty(), "the corpus is not as it should be: {unsound:#?}");
    if only.is_some() {
        return Ok(());
    }

    let name = |chart: &str, variation: &str, kind: Kind| format!("{chart} ({variation}): {kind:?}");
    let known = known_misses()?;
    let known =
        known.iter().map(|miss| name(&miss.chart, &miss.variation, miss.kind)).collect::<BTreeSet<_>>();
    let found = outcomes
        .iter()
        .filter_map(|outcome| Some(name(&outcome.case.chart, &outcome.case.variation, outcome.kind?)))
        .collect::<BTreeSet<_>>();
    let unknown = found.difference(&known).collect::<Vec<_>>();
    let stale = known.difference(&found).collect::<Vec<_>>();
    let below = score.below(&Score::floor()?);
    assert!(below.is_empty(), "the score went down: {below:#?}");
    assert!(unknown.is_empty(), "misses that known-misses.yaml does not explain: {unknown:#?}");
    assert!(stale.is_empty(), "no misses any more, yet in known-misses.yaml: {stale:#?}");
    if score != Score::floor()? {
        if env::var("STRATA_CHARTS_RECORD").is_ok_and(|value| value == "1") {
            score.record()?;
        } else {
            println!("a higher score: STRATA_CHARTS_RECORD=1 records it");
        }
    }
    Ok(())
}
