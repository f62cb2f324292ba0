//! The life of a change: random requests never break what must hold.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that stops says why")]

mod common;

use common::{actor, at, change_id, cluster_id, key, principal, project};
use proptest::prelude::*;
use strata_model::{
    access::{Actor, Role},
    change::{
        Approval, Change, ChangeEvent, ChangeKind, ChangeState, Failure, Requirement, RequirementKind, Step,
        StepState,
    },
    cluster::{Activity, Cluster, ClusterEvent, ConnectionKind, Infrastructure},
    digest::Digest,
    error::RefusalCode,
    finding::FindingCode,
    id::{CompositionId, PlanId},
    plan::StepKind,
};
use strata_plan::{
    decide::{self, ApplyWhen, Approver},
    reduce,
};
use uuid::Uuid;

fn digest_of(number: u8) -> Digest {
    key().bytes("plan", &[number])
}

fn requirement(kind: RequirementKind, quorum: u32) -> Requirement {
    Requirement {
        kind,
        scope: "control plane".to_owned(),
        findings: Vec::new(),
        role: Role::Approver,
        quorum,
        satisfied_by: Vec::new(),
    }
}

fn step(repaves: bool) -> Step {
    Step {
        kind: StepKind::ControlPlane,
        repaves,
        settled_with: None,
        state: StepState::Waiting,
        done: 0,
        total: 1,
        message: None,
        started_at: None,
        ended_at: None,
    }
}

fn requested(requirements: Vec<Requirement>, blocked_by: Vec<FindingCode>) -> ChangeEvent {
    ChangeEvent::Requested {
        project: project(),
        cluster: cluster_id(1),
        kind: ChangeKind::Apply,
        plan: PlanId::new(Uuid::from_u128(1)),
        plan_digest: digest_of(0),
        from: None,
        to: CompositionId::new(Uuid::from_u128(1)),
        reason: "upgrade".to_owned(),
        requirements,
        blocked_by,
        steps: vec![step(true), step(false)],
        rollout: None,
    }
}

fn approval(by: u128, digest: u8, from: i64, seconds: i64) -> Approval {
    Approval {
        principal: principal(by),
        name: format!("person-{by}"),
        reason: "window agreed".to_owned(),
        plan_digest: digest_of(digest),
        at: at(from),
        expires_at: at(from + seconds),
    }
}

fn approver() -> Approver {
    Approver { roles: vec![Role::Approver], may_approve_own: false }
}

fn make(event: &ChangeEvent) -> Change {
    reduce::change(None, change_id(1), event, &actor(9), at(0)).unwrap()
}

fn step_to(change: Change, events: &[ChangeEvent], second: i64) -> Change {
    events.iter().fold(change, |change, event| {
        reduce::change(Some(change), change_id(1), event, &actor(9), at(second)).unwrap()
    })
}

#[test]
fn the_whole_way() {
    let change = make(&requested(vec![requirement(RequirementKind::Repave, 1)], vec![]));
    assert_eq!(change.state, ChangeState::AwaitingApproval);
    let refusal = decide::apply(&change, &digest_of(0), ApplyWhen::Now, None, at(1)).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::ApprovalRequired);
    let refusal =
        decide::approve(&change, &[RequirementKind::Repave], &approval(2, 1, 1, 60), &approver(), at(1));
    assert_eq!(refusal.unwrap_err().code, RefusalCode::StalePlan);
    let own =
        decide::approve(&change, &[RequirementKind::Repave], &approval(9, 0, 1, 60), &approver(), at(1));
    assert_eq!(own.unwrap_err().code, RefusalCode::Forbidden);
    let events =
        decide::approve(&change, &[RequirementKind::Repave], &approval(2, 0, 1, 60), &approver(), at(1))
            .unwrap();
    let change = step_to(change, &events, 1);
    let events = decide::apply(&change, &digest_of(0), ApplyWhen::Now, None, at(2)).unwrap();
    let change = step_to(change, &events, 2);
    assert_eq!(change.state, ChangeState::Scheduled);
    let event = decide::start(&change, &digest_of(0), vec![], at(3)).unwrap();
    let change = step_to(change, &[event, ChangeEvent::StepStarted { step: 0 }], 3);
    assert_eq!(change.state, ChangeState::Applying);
    let change = step_to(change, &[ChangeEvent::StepSettling { step: 0 }], 4);
    assert_eq!(change.state, ChangeState::Repaving);
    let change = step_to(change, &[ChangeEvent::StepSucceeded { step: 0 }], 5);
    assert_eq!(change.state, ChangeState::Applying);
    let rest = [
        ChangeEvent::StepStarted { step: 1 },
        ChangeEvent::StepSettling { step: 1 },
        ChangeEvent::StepSucceeded { step: 1 },
        ChangeEvent::VerificationStarted,
        ChangeEvent::Succeeded,
    ];
    let change = step_to(change, &rest, 6);
    assert_eq!((change.state, change.ended_at), (ChangeState::Succeeded, Some(at(6))));
}

#[test]
fn an_approval_that_runs_out_before_the_start_is_asked_for_again() {
    let change = make(&requested(vec![requirement(RequirementKind::Repave, 1)], vec![]));
    let approved =
        ChangeEvent::Approved { kinds: vec![RequirementKind::Repave], approval: approval(2, 0, 1, 10) };
    let change = step_to(change, &[approved], 1);
    let events = decide::apply(&change, &digest_of(0), ApplyWhen::Now, None, at(2)).unwrap();
    let change = step_to(change, &events, 2);
    assert_eq!(decide::expire(&change, at(10)), None);
    let late = decide::start(&change, &digest_of(0), vec![], at(11)).unwrap();
    assert_eq!(late, ChangeEvent::ApprovalExpired);
    let change = step_to(change, &[late], 11);
    assert_eq!(change.state, ChangeState::AwaitingApproval);
    assert_eq!(reduce::open_requirements(&change, at(11)).count(), 1);
}

#[test]
fn a_quorum_counts_people() {
    let change = make(&requested(vec![requirement(RequirementKind::Guard, 2)], vec![]));
    let kinds = [RequirementKind::Guard];
    let once = decide::approve(&change, &kinds, &approval(2, 0, 1, 60), &approver(), at(1)).unwrap();
    let change = step_to(change, &once, 1);
    let twice = decide::approve(&change, &kinds, &approval(2, 0, 2, 60), &approver(), at(2)).unwrap_err();
    assert_eq!(twice.code, RefusalCode::IllegalState);
    let other = decide::approve(&change, &kinds, &approval(3, 0, 2, 60), &approver(), at(2)).unwrap();
    let change = step_to(change, &other, 2);
    assert_eq!(reduce::open_requirements(&change, at(3)).count(), 0);
}

#[test]
fn a_blocked_change_stays_planned() {
    let change = make(&requested(
        vec![requirement(RequirementKind::Repave, 1)],
        vec![FindingCode::KubernetesDowngrade],
    ));
    assert_eq!(change.state, ChangeState::Planned);
    let refusal = decide::apply(&change, &digest_of(0), ApplyWhen::Approved, None, at(1)).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::Blocked);
    let refusal =
        decide::approve(&change, &[RequirementKind::Repave], &approval(2, 0, 1, 9), &approver(), at(1));
    assert_eq!(refusal.unwrap_err().code, RefusalCode::Blocked);
}

#[test]
fn a_moved_plan_is_stale_and_says_what_moved() {
    let change = make(&requested(vec![], vec![]));
    let events = decide::apply(&change, &digest_of(0), ApplyWhen::Now, None, at(1)).unwrap();
    let change = step_to(change, &events, 1);
    let event = decide::start(&change, &digest_of(5), vec!["fact: region".to_owned()], at(2)).unwrap();
    let change = step_to(change, &[event], 2);
    assert_eq!(change.state, ChangeState::Stale);
    let refusal = decide::apply(&change, &digest_of(0), ApplyWhen::Now, None, at(3)).unwrap_err();
    assert_eq!((refusal.code, refusal.moved), (RefusalCode::StalePlan, vec!["fact: region".to_owned()]));
}

/// What somebody or something may try.
#[derive(Debug, Clone)]
enum Command {
    Approve { by: u128, digest: u8, seconds: i64, kind: bool },
    Withdraw(u128),
    Reject,
    Apply { digest: u8, when_approved: bool, held: bool },
    Schedule,
    Start { digest: u8 },
    Cancel,
    Retry { touched: bool },
    Replan { digest: u8, guarded: bool, blocked: bool },
    Expire,
    Stale,
    Supersede,
    Work(u8),
    Wait(i64),
}

fn commands() -> impl Strategy<Value = Vec<Command>> {
    let command = prop_oneof![
        4 => (1..4_u128, 0..2_u8, 1..40_i64, any::<bool>())
            .prop_map(|(by, digest, seconds, kind)| Command::Approve { by, digest, seconds, kind }),
        1 => (1..4_u128).prop_map(Command::Withdraw),
        1 => Just(Command::Reject),
        4 => (0..2_u8, any::<bool>(), any::<bool>())
            .prop_map(|(digest, when_approved, held)| Command::Apply { digest, when_approved, held }),
        2 => Just(Command::Schedule),
        4 => (0..2_u8).prop_map(|digest| Command::Start { digest }),
        1 => Just(Command::Cancel),
        2 => any::<bool>().prop_map(|touched| Command::Retry { touched }),
        1 => (0..2_u8, any::<bool>(), any::<bool>())
            .prop_map(|(digest, guarded, blocked)| Command::Replan { digest, guarded, blocked }),
        1 => Just(Command::Expire),
        1 => Just(Command::Stale),
        1 => Just(Command::Supersede),
        12 => (0..9_u8).prop_map(Command::Work),
        2 => (1..20_i64).prop_map(Command::Wait),
    ];
    proptest::collection::vec(command, 1..60)
}

/// Events that the engine would record; illegal ones are tried as well and must be refused.
fn work(number: u8) -> ChangeEvent {
    match number {
        0 => ChangeEvent::StepStarted { step: 0 },
        1 => ChangeEvent::StepSettling { step: 0 },
        2 => ChangeEvent::StepSucceeded { step: 0 },
        3 => ChangeEvent::StepStarted { step: 1 },
        4 => ChangeEvent::StepSucceeded { step: 1 },
        5 => ChangeEvent::VerificationStarted,
        6 => ChangeEvent::Succeeded,
        7 => ChangeEvent::Cancelled,
        _ => ChangeEvent::Failed {
            step: Some(0),
            failure: Failure {
                code: "FIELD_CONFLICT".to_owned(),
                message: "another manager holds a field".to_owned(),
                help: String::new(),
                object: None,
            },
        },
    }
}

fn run(command: &Command, change: &Change, now: i64) -> Vec<ChangeEvent> {
    let now = at(now);
    let decided = match command {
        Command::Approve { by, digest, seconds, kind } => {
            let kinds = if *kind {
                vec![RequirementKind::Repave]
            } else {
                vec![RequirementKind::Guard, RequirementKind::Repave]
            };
            let mut approval = approval(*by, *digest, 0, 0);
            approval.at = now;
            approval.expires_at = Timestamp::from_second(now.as_second() + seconds).unwrap();
            decide::approve(change, &kinds, &approval, &approver(), now)
        }
        Command::Withdraw(by) => decide::withdraw(change, principal(*by)),
        Command::Reject => decide::reject(change, "not now", &actor(3)),
        Command::Apply { digest, when_approved, held } => {
            let when = if *when_approved { ApplyWhen::Approved } else { ApplyWhen::Now };
            decide::apply(change, &digest_of(*digest), when, held.then(|| change_id(8)), now)
        }
        Command::Schedule => Ok(decide::schedule(change, None, now).into_iter().collect()),
        Command::Start { digest } => {
            decide::start(change, &digest_of(*digest), vec!["object: x".to_owned()], now)
                .map(|event| vec![event])
        }
        Command::Cancel => decide::cancel(change, "enough"),
        Command::Retry { touched } => decide::retry(change, None, *touched),
        Command::Replan { digest, guarded, blocked } => Ok(vec![ChangeEvent::Replanned {
            plan: PlanId::new(Uuid::from_u128(2)),
            plan_digest: digest_of(*digest),
            from: None,
            to: CompositionId::new(Uuid::from_u128(2)),
            requirements: guarded.then(|| requirement(RequirementKind::Guard, 1)).into_iter().collect(),
            blocked_by: blocked.then_some(FindingCode::MergeConflict).into_iter().collect(),
            steps: vec![step(true), step(false)],
        }]),
        Command::Expire => Ok(decide::expire(change, now).into_iter().collect()),
        Command::Stale => {
            Ok(decide::stale(change, vec!["what the cluster runs".to_owned()]).into_iter().collect())
        }
        Command::Supersede => Ok(decide::supersede(change, change_id(7)).into_iter().collect()),
        Command::Work(number) => Ok(vec![work(*number)]),
        Command::Wait(_) => Ok(vec![]),
    };
    decided.unwrap_or_default()
}

use strata_model::Timestamp;

fn registered() -> Cluster {
    let event = ClusterEvent::Registered {
        project: project(),
        name: "eu-1".parse().unwrap(),
        labels: std::collections::BTreeMap::new(),
        infrastructure: Infrastructure::None,
        connection: ConnectionKind::Kubeconfig,
        cloud: None,
        region: None,
    };
    reduce::cluster(None, cluster_id(1), &event, &Actor::system(), at(0)).unwrap()
}

fn check(before: &Change, after: &Change, event: &ChangeEvent, now: Timestamp) {
    use ChangeState as S;
    assert!(!before.state.is_final(), "{} was final", before.state);
    let legal = |state| matches!(state, S::Planned | S::Rejected | S::Cancelled | S::Superseded | S::Stale);
    assert!(after.blocked_by.is_empty() || legal(after.state), "blocked and {}", after.state);
    if matches!(event, ChangeEvent::Started | ChangeEvent::Scheduled) {
        assert!(after.requirements.iter().all(|r| r.is_satisfied(&after.plan_digest, now)));
    }
    // Only a start or a retry makes a change run that did not.
    if after.state.is_running() && !before.state.is_running() {
        assert!(matches!(event, ChangeEvent::Started | ChangeEvent::Retried), "{event:?}");
        assert!(after.started_at.is_some());
    }
    for requirement in &after.requirements {
        let mut people: Vec<_> = requirement.satisfied_by.iter().map(|approval| approval.principal).collect();
        people.sort_unstable();
        people.dedup();
        assert_eq!(people.len(), requirement.satisfied_by.len(), "one principal counts once");
        assert!(requirement.satisfied_by.iter().all(|approval| approval.plan_digest == after.plan_digest));
    }
    if after.state == S::Succeeded {
        assert!(after.steps.iter().all(|step| step.state == StepState::Succeeded));
    }
    assert_eq!(after.state == S::Failed, after.failure.is_some());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Whatever is tried, in whatever order: what must hold holds, what a decider answers is legal, and the cluster
    /// follows.
    #[test]
    fn random_requests_break_nothing(commands in commands(), guarded in any::<bool>()) {
        let requirements = if guarded {
            vec![requirement(RequirementKind::Repave, 1), requirement(RequirementKind::Guard, 2)]
        } else {
            vec![]
        };
        let first = requested(requirements, vec![]);
        let mut change = make(&first);
        let mut cluster = registered();
        for event in decide::cluster_events(None, &change, at(0)) {
            cluster = reduce::cluster(Some(cluster), cluster_id(1), &event, &Actor::system(), at(0)).unwrap();
        }
        let mut log = vec![(first, at(0))];
        let mut now = 0;
        for command in &commands {
            if let Command::Wait(seconds) = command {
                now += seconds;
            }
            let free = matches!(command, Command::Work(_) | Command::Replan { .. });
            for event in run(command, &change, now) {
                let before = change.clone();
                match reduce::change(Some(change.clone()), change_id(1), &event, &actor(9), at(now)) {
                    Ok(after) => {
                        check(&before, &after, &event, at(now));
                        for event in decide::cluster_events(Some(&before), &after, at(now)) {
                            cluster = reduce::cluster(Some(cluster), cluster_id(1), &event, &Actor::system(), at(now))
                                .expect("the cluster follows its change");
                        }
                        change = after;
                        log.push((event, at(now)));
                    }
                    // Only events that no decider made may be refused.
                    Err(illegal) => prop_assert!(free, "{command:?}: {illegal}"),
                }
            }
            prop_assert_eq!(cluster.change.is_some(), change.state.holds_cluster());
            prop_assert_eq!(cluster.activity.value == Activity::Updating, change.state.holds_cluster());
            if change.state == ChangeState::Succeeded {
                prop_assert_eq!(cluster.applied, Some(change.to));
            }
        }
        let replayed = log.iter().fold(None, |state, (event, at)| {
            Some(reduce::change(state, change_id(1), event, &actor(9), *at).unwrap())
        });
        prop_assert_eq!(replayed, Some(change));
    }
}
