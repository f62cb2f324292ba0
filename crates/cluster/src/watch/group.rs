//! Objects of one kind in one namespace, followed together.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
    time::Duration,
};

use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::Value;
use strata_model::object::ObjectKey;
use tokio::time::Instant;

use crate::{
    client::{ClusterClient, Version},
    deadline::Deadline,
    discovery::KindInfo,
    error::{Call, ClusterError},
    health::{Health, is_ready_by_existing},
    objects::{ListOptions, Listed},
    paths::with_query,
    transport::{Ask, backoff},
    watch::{Board, Ended, Expectation, Progress, Wanted, WatchOptions},
};

/// The longest pause between two lists.
const MAX_POLL: Duration = Duration::from_secs(5);
/// The longest that the server is asked to keep one watch open, in seconds.
const MAX_WATCH_SECONDS: u64 = 290;

pub(super) struct Group {
    group: String,
    kind: String,
    version: Option<String>,
    namespace: Option<String>,
    /// By name.
    members: BTreeMap<String, Expectation>,
    label_selector: Option<String>,
    /// Whether this group may keep a connection for a watch.
    may_watch: bool,
    failed_since: BTreeMap<String, Instant>,
    ready: BTreeSet<String>,
}

/// Takes expectations together; the largest groups may watch.
pub(super) fn of(expectations: Vec<Expectation>, options: &WatchOptions) -> Vec<Group> {
    let mut groups: BTreeMap<(ObjectKey, Option<String>), Group> = BTreeMap::new();
    for expectation in expectations {
        let key = &expectation.reference.key;
        let common = ObjectKey { name: String::new(), ..key.clone() };
        let version = expectation.reference.api_version.as_deref();
        let version = version.map(|text| strata_model::object::split_api_version(text).1.to_owned());
        let group = groups.entry((common, version.clone())).or_insert_with(|| Group {
            group: key.group.clone(),
            kind: key.kind.clone(),
            version,
            namespace: key.namespace.clone(),
            members: BTreeMap::new(),
            label_selector: options.label_selector.clone(),
            may_watch: false,
            failed_since: BTreeMap::new(),
            ready: BTreeSet::new(),
        });
        if expectation.wanted == Wanted::Gone {
            // An object that loses its labels leaves a selection as if it were gone.
            group.label_selector = None;
        }
        group.members.insert(expectation.reference.key.name.clone(), expectation);
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    groups.sort_by_key(|group| {
        (is_ready_by_existing(&group.group, &group.kind), std::cmp::Reverse(group.members.len()))
    });
    for group in groups.iter_mut().take(options.max_watches) {
        group.may_watch = true;
    }
    groups
}

/// How a watch ended.
enum Streamed {
    Done,
    Failed,
    /// It ended, broke or became too old: list anew.
    Again,
}

impl Group {
    fn name(&self) -> String {
        format!("{}/{}/{}", self.group, self.kind, self.namespace.as_deref().unwrap_or_default())
    }

    fn selection(&self) -> ListOptions {
        let mut only = self.members.keys();
        let (field_selector, label_selector) = match (only.next(), only.next()) {
            (Some(name), None) => (Some(format!("metadata.name={name}")), None),
            _ => (None, self.label_selector.clone()),
        };
        let waits_for_end = self.members.values().all(|member| member.wanted == Wanted::Gone);
        ListOptions {
            // A namespaced object without a namespace is in `default`, wherever it is read.
            namespace: Some(self.namespace.clone().unwrap_or_else(|| "default".to_owned())),
            field_selector,
            label_selector,
            metadata_only: waits_for_end || is_ready_by_existing(&self.group, &self.kind),
            ..ListOptions::default()
        }
    }

    fn judge(&mut self, name: &str, live: Option<&Value>, board: &Board, on_progress: &Progress<'_>) {
        let Some(member) = self.members.get(name) else { return };
        let verdict = member.judge(live, self.ready.contains(name));
        if board.put(&member.reference.key, &verdict) {
            on_progress(&member.reference.key, &verdict);
        }
        match verdict {
            Health::Ready => {
                self.failed_since.remove(name);
                self.ready.insert(name.to_owned());
            }
            Health::Failed(_) => {
                self.ready.remove(name);
                self.failed_since.entry(name.to_owned()).or_insert_with(Instant::now);
            }
            Health::Progressing(_) => {
                self.ready.remove(name);
                self.failed_since.remove(name);
            }
        }
    }

    fn is_done(&self) -> bool {
        self.ready.len() == self.members.len()
    }

    /// When the oldest failure will have stood long enough.
    fn fails_at(&self, grace: Duration) -> Option<Instant> {
        self.failed_since.values().min().map(|since| *since + grace)
    }

    fn has_failed(&self, grace: Duration) -> bool {
        self.fails_at(grace).is_some_and(|at| at <= Instant::now())
    }
}

impl ClusterClient {
    pub(super) async fn follow(
        &self,
        mut group: Group,
        board: &Arc<Board>,
        options: &WatchOptions,
        deadline: Deadline,
        on_progress: &Progress<'_>,
    ) -> Result<(), Ended> {
        let name = group.name();
        let mut round = 0_u32;
        loop {
            round = round.saturating_add(1);
            let began = Instant::now();
            match self.look(&mut group, board, deadline, on_progress).await {
                Ok(seen) => {
                    board.set_trouble(&name, None);
                    if group.is_done() {
                        return Ok(());
                    }
                    if group.has_failed(options.failure_grace) {
                        return Err(Ended::Failed);
                    }
                    if let Some((info, resource_version)) = seen
                        && group.may_watch
                        && info.has_verb("watch")
                    {
                        match self
                            .stream(
                                &mut group,
                                &info,
                                &resource_version,
                                board,
                                options,
                                deadline,
                                on_progress,
                            )
                            .await
                        {
                            Ok(Streamed::Done) => return Ok(()),
                            Ok(Streamed::Failed) => return Err(Ended::Failed),
                            Ok(Streamed::Again) => {}
                            // It may be listed but not watched.
                            Err(ClusterError::Forbidden { .. } | ClusterError::Rejected { .. }) => {
                                group.may_watch = false
                            }
                            Err(error) if error.is_passing() => board.set_trouble(&name, Some(error)),
                            Err(error) => return Err(Ended::Cluster(error)),
                        }
                    }
                }
                Err(error) if error.is_passing() => board.set_trouble(&name, Some(error)),
                Err(error) => return Err(Ended::Cluster(error)),
            }
            // A watch that lasted makes the next list due at once.
            let pause = poll_pause(&name, round).saturating_sub(began.elapsed());
            let until = Instant::now() + pause;
            let until = group.fails_at(options.failure_grace).map_or(until, |at| at.min(until));
            tokio::time::sleep_until(until).await;
        }
    }

    /// Lists the group and judges its members. Answers what a watch would begin from, if the kind is served.
    async fn look(
        &self,
        group: &mut Group,
        board: &Board,
        deadline: Deadline,
        on_progress: &Progress<'_>,
    ) -> Result<Option<(Arc<KindInfo>, String)>, ClusterError> {
        let deadline = deadline.at_most(self.transport.options.operation_deadline);
        let version = Version::Hint(group.version.as_deref());
        let info = match self.kind(&group.group, &group.kind, version, Duration::ZERO, deadline).await {
            Ok(info) => info,
            Err(ClusterError::UnknownKind { .. }) => {
                group.judge_list(&[], board, on_progress);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let mut listed = self.list_group(group, &info, deadline).await?;
        if group.members.len() > 1 && group.label_selector.is_some() && !group.has_all(&listed.items) {
            // Some do not carry the labels, or do not exist: only a list without selector tells which.
            group.label_selector = None;
            listed = self.list_group(group, &info, deadline).await?;
        }
        group.judge_list(&listed.items, board, on_progress);
        Ok(Some((info, listed.resource_version)))
    }

    async fn list_group(
        &self,
        group: &Group,
        info: &KindInfo,
        deadline: Deadline,
    ) -> Result<Listed, ClusterError> {
        match self.list_kind(info, &group.selection(), deadline).await {
            // The version went since the APIs were read.
            Err(error @ ClusterError::NotFound { .. }) => {
                self.forget_discovery().await;
                Err(ClusterError::Stale {
                    call: Call::about("list", &info.plural),
                    message: error.to_string(),
                })
            }
            listed => listed,
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one watch; a struct would only rename them")]
    async fn stream(
        &self,
        group: &mut Group,
        info: &KindInfo,
        resource_version: &str,
        board: &Board,
        options: &WatchOptions,
        deadline: Deadline,
        on_progress: &Progress<'_>,
    ) -> Result<Streamed, ClusterError> {
        let selection = group.selection();
        let seconds = deadline.remaining().as_secs().clamp(1, MAX_WATCH_SECONDS);
        let timeout = seconds.to_string();
        let mut parameters = vec![
            ("watch", "1"),
            ("resourceVersion", resource_version),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", timeout.as_str()),
        ];
        if let Some(selector) = &selection.label_selector {
            parameters.push(("labelSelector", selector));
        }
        if let Some(selector) = &selection.field_selector {
            parameters.push(("fieldSelector", selector));
        }
        let path = with_query(&info.collection(selection.namespace.as_deref()), &parameters);
        let ask = Ask::get(Call::about("watch", &info.plural), path, deadline);
        let mut lines =
            Lines::new(self.transport.open(&ask).await?.into_body(), self.transport.options.max_answer_bytes);
        // The server ends the watch at its time; one that does not is given up a little later.
        let end = Instant::now() + Duration::from_secs(seconds + 10);
        loop {
            let wake = group.fails_at(options.failure_grace).map_or(end, |at| at.min(end));
            let line = match tokio::time::timeout_at(wake, lines.next()).await {
                Ok(Some(line)) => line,
                Ok(None) => return Ok(Streamed::Again),
                Err(_elapsed) if group.has_failed(options.failure_grace) => return Ok(Streamed::Failed),
                Err(_elapsed) => return Ok(Streamed::Again),
            };
            let Ok(mut event) = serde_json::from_slice::<Value>(&line) else { return Ok(Streamed::Again) };
            let object = event.get_mut("object").map(Value::take).unwrap_or_default();
            let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            match event.get("type").and_then(Value::as_str) {
                Some("ADDED" | "MODIFIED") => group.judge(name, Some(&object), board, on_progress),
                Some("DELETED") => group.judge(name, None, board, on_progress),
                Some("BOOKMARK") => {}
                // 410 and whatever else: list anew.
                _ => return Ok(Streamed::Again),
            }
            if group.is_done() {
                return Ok(Streamed::Done);
            }
        }
    }
}

impl Group {
    fn has_all(&self, items: &[Value]) -> bool {
        self.members.keys().all(|name| find(items, name).is_some())
    }

    fn judge_list(&mut self, items: &[Value], board: &Board, on_progress: &Progress<'_>) {
        let names: Vec<String> = self.members.keys().cloned().collect();
        let by_name: BTreeMap<&str, &Value> =
            items.iter().filter_map(|item| Some((item.pointer("/metadata/name")?.as_str()?, item))).collect();
        for name in names {
            self.judge(&name, by_name.get(name.as_str()).copied(), board, on_progress);
        }
    }
}

fn find<'a>(items: &'a [Value], name: &str) -> Option<&'a Value> {
    items.iter().find(|item| item.pointer("/metadata/name").and_then(Value::as_str) == Some(name))
}

/// 0.4, 0.8 … 5 s, and up to a quarter more, different for each group, so that many do not ask at one instant.
fn poll_pause(name: &str, round: u32) -> Duration {
    let base = backoff(round.saturating_add(1)).min(MAX_POLL);
    let mut hasher = DefaultHasher::new();
    (name, round).hash(&mut hasher);
    let share = u32::try_from(hasher.finish() % 256).unwrap_or(0);
    base + base / 4 * share / 256
}

/// Lines of a stream, each up to a limit.
struct Lines {
    body: Body,
    buffer: Vec<u8>,
    limit: usize,
}

impl Lines {
    const fn new(body: Body, limit: usize) -> Self {
        Self { body, buffer: Vec::new(), limit }
    }

    /// The next line; `None` at the end, when the stream breaks, and when a line is too long. May be dropped and called
    /// again: what was read is kept.
    async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.buffer.drain(..=end).collect();
                line.pop();
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return Some(line);
            }
            if self.buffer.len() > self.limit {
                return None;
            }
            let frame = self.body.frame().await?.ok()?;
            if let Ok(data) = frame.into_data() {
                self.buffer.extend_from_slice(&data);
            }
        }
    }
}
