//! What templates may know of the cluster, and the record of what they asked.
//!
//! *Idea.* Capabilities and scopes are the facts of the living cluster plus what the composition's own custom resource
//! definitions will serve. An answer that comes from the composition itself is no fact that was read: it cannot move.
//!
//! *Caveats.* A cluster that was never reached has no facts; until then it is taken to serve what every Kubernetes of
//! this age serves.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
};

use serde_json::Value;
use strata_model::{
    fact::{FactKey, Facts, FactsRead},
    version::KubernetesVersion,
};

use crate::{
    definitions::Definitions,
    template::{FactReader, KubeVersion},
};

/// Group and version of what any supported Kubernetes serves.
const BUILT_IN: [&str; 20] = [
    "admissionregistration.k8s.io/v1",
    "apiextensions.k8s.io/v1",
    "apiregistration.k8s.io/v1",
    "apps/v1",
    "authentication.k8s.io/v1",
    "authorization.k8s.io/v1",
    "autoscaling/v1",
    "autoscaling/v2",
    "batch/v1",
    "certificates.k8s.io/v1",
    "coordination.k8s.io/v1",
    "discovery.k8s.io/v1",
    "events.k8s.io/v1",
    "flowcontrol.apiserver.k8s.io/v1",
    "networking.k8s.io/v1",
    "node.k8s.io/v1",
    "policy/v1",
    "rbac.authorization.k8s.io/v1",
    "scheduling.k8s.io/v1",
    "v1",
];

/// Whether an API is a group and version of every Kubernetes, or a kind in it.
pub(crate) fn is_built_in(api: &str) -> bool {
    let group_version = api.rsplit_once('/').map_or(api, |(head, _)| head);
    BUILT_IN.contains(&api) || BUILT_IN.contains(&group_version)
}

/// What is assumed where no one says a version.
const FALLBACK_VERSION: (&str, &str, &str) = ("v1.33.0", "1", "33");

/// Facts with a record of what was read.
#[derive(Debug)]
pub(crate) struct Capabilities {
    facts: Facts,
    /// What the composition itself serves.
    definitions: RefCell<Definitions>,
    /// The version that the composition asks for, where the cluster is made by it.
    target: RefCell<Option<KubernetesVersion>>,
    read: RefCell<FactsRead>,
    /// What was read before the composition's own definitions were known: it may have decided which there are.
    earlier: FactsRead,
    /// Answers that depended on definitions of the composition, or would have.
    asked: RefCell<BTreeSet<String>>,
    listed: Cell<bool>,
    version_unknown: Cell<bool>,
    unanswered: RefCell<BTreeSet<FactKey>>,
    own: Cell<bool>,
}

impl Capabilities {
    pub(crate) fn new(facts: Facts, definitions: Definitions) -> Self {
        Self {
            facts,
            definitions: RefCell::new(definitions),
            target: RefCell::default(),
            read: RefCell::default(),
            earlier: FactsRead::default(),
            asked: RefCell::default(),
            listed: Cell::new(false),
            version_unknown: Cell::new(false),
            unanswered: RefCell::default(),
            own: Cell::new(false),
        }
    }

    /// The same for another execution, with what the last one has defined.
    pub(crate) fn again(&self, definitions: Definitions) -> Self {
        Self {
            earlier: self.facts_seen(),
            own: self.own.clone(),
            unanswered: self.unanswered.clone(),
            ..Self::new(self.facts.clone(), definitions)
        }
    }

    /// Sets the version that counts instead of the fact.
    pub(crate) fn set_target(&self, version: Option<KubernetesVersion>) {
        *self.target.borrow_mut() = version;
    }

    /// Reads a fact, and remembers that it was read.
    pub(crate) fn read(&self, key: FactKey) -> Value {
        let answer = self.facts.answer(&key);
        self.read.borrow_mut().insert(key, answer.clone());
        answer
    }

    /// The facts as they are, for what is recorded one by one.
    pub(crate) const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The version that templates see, with its `v`; none where nobody knows.
    pub(crate) fn version(&self) -> Option<String> {
        if let Some(target) = &*self.target.borrow() {
            return Some(target.to_string());
        }
        self.read(FactKey::KubernetesVersion).as_str().map(str::to_owned)
    }

    /// The same for a template, with a note where nobody knows.
    pub(crate) fn version_for_template(&self) -> Option<String> {
        let version = self.version();
        if version.is_none() {
            self.version_unknown.set(true);
        }
        version
    }

    /// Whether a kind (`group/Kind`, core: `Kind`) that no table knows has no namespace.
    pub(crate) fn is_cluster_scoped(&self, kind: &str) -> bool {
        match self.definitions.borrow().is_cluster_scoped(kind) {
            Some(scoped) => scoped,
            None => self.read(FactKey::ClusterScoped(kind.to_owned())).as_bool().unwrap_or(false),
        }
    }

    /// Whether other definitions would have given another answer to what was asked.
    pub(crate) fn depends_on(&self, definitions: &Definitions) -> bool {
        let own = self.definitions.borrow();
        *definitions != *own
            && (self.listed.get()
                || self.asked.borrow().iter().any(|api| definitions.serves(api) != own.serves(api)))
    }

    /// Takes definitions that change no answer given so far, for the scopes that are asked for next.
    pub(crate) fn settle(&self, definitions: Definitions) {
        *self.definitions.borrow_mut() = definitions;
    }

    pub(crate) fn facts_read(&self) -> FactsRead {
        self.read.borrow().clone()
    }

    /// Those, and what was read by executions before.
    pub(crate) fn facts_seen(&self) -> FactsRead {
        let mut seen = self.earlier.clone();
        seen.extend(self.facts_read());
        seen
    }

    /// Remembers that something was taken that no other cluster has.
    pub(crate) fn note_own(&self) {
        self.own.set(true);
    }

    /// Whether it was.
    pub(crate) const fn is_own(&self) -> bool {
        self.own.get()
    }

    /// Whether a template asked for a version that nobody knows.
    pub(crate) fn version_was_unknown(&self) -> bool {
        self.version_unknown.get()
    }

    /// Questions of `lookup` that have no answer yet.
    pub(crate) fn unanswered(&self) -> Vec<FactKey> {
        self.unanswered.borrow().iter().cloned().collect()
    }

    fn never_reached(&self) -> bool {
        self.facts.kubernetes_version.is_none() && self.facts.api_versions.is_empty()
    }
}

impl FactReader for Capabilities {
    fn api_versions_has(&self, api: &str) -> bool {
        self.asked.borrow_mut().insert(api.to_owned());
        if self.definitions.borrow().serves(api) {
            return true;
        }
        let answer = self.read(FactKey::ApiVersion(api.to_owned())).as_bool().unwrap_or(false);
        answer || (self.never_reached() && is_built_in(api))
    }

    fn api_versions(&self) -> Vec<String> {
        self.listed.set(true);
        // Another cluster may serve one more, which nobody asks for by name.
        self.note_own();
        let mut all: BTreeSet<String> = self.definitions.borrow().served().cloned().collect();
        for api in &self.facts.api_versions {
            self.read(FactKey::ApiVersion(api.clone()));
            all.insert(api.clone());
        }
        if self.never_reached() {
            all.extend(BUILT_IN.iter().map(|api| (*api).to_owned()));
        }
        all.into_iter().collect()
    }

    fn kube_version(&self) -> KubeVersion {
        match self.version().and_then(|text| text.parse::<KubernetesVersion>().ok()) {
            Some(version) => KubeVersion {
                version: version.to_string(),
                major: version.major().to_string(),
                minor: version.minor().to_string(),
            },
            None => {
                self.version_unknown.set(true);
                let (version, major, minor) = FALLBACK_VERSION;
                KubeVersion { version: version.to_owned(), major: major.to_owned(), minor: minor.to_owned() }
            }
        }
    }

    fn lookup(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Value {
        let key = FactKey::Lookup {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        if !self.facts.lookups.contains_key(&key.to_string()) {
            self.unanswered.borrow_mut().insert(key.clone());
        }
        match self.read(key) {
            Value::Null => Value::Object(serde_json::Map::new()),
            answer => answer,
        }
    }
}
