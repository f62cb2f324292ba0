//! The objects of one cluster, kept as the very bytes that are sent, with the history that watches read.

use std::collections::{BTreeMap, HashSet, VecDeque};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::resource::{Catalog, FIRST_DYNAMIC, Resource};

/// Where an object lives.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) resource: u32,
    pub(crate) namespace: Box<str>,
    pub(crate) name: Box<str>,
}

/// An object at rest.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) bytes: Bytes,
}

impl Record {
    /// The object; `Null` never happens, as only objects are stored.
    pub(crate) fn value(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }
}

/// One step of history.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) version: u64,
    pub(crate) key: Key,
    pub(crate) before: Option<Bytes>,
    pub(crate) after: Option<Bytes>,
    /// The object as a DELETED event shows it.
    pub(crate) last: Option<Bytes>,
}

/// What a controller has yet to look at.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    Changed(Key),
    Deleted { key: Key, object: Bytes },
}

/// Bounds of the history: enough for a client that resumes, small enough for thousands of idle clusters.
const HISTORY_EVENTS: usize = 1000;
const HISTORY_BYTES: usize = 256 * 1024;

/// All that one cluster holds.
#[derive(Debug)]
pub(crate) struct State {
    objects: BTreeMap<Key, Record>,
    version: u64,
    history: VecDeque<Change>,
    history_bytes: usize,
    /// Steps up to this version are no longer in the history.
    compacted: u64,
    pub(crate) catalog: Catalog,
    next_dynamic: u32,
    pub(crate) work: VecDeque<Work>,
    wake: Option<watch::Sender<u64>>,
    seed: u64,
    counter: u64,
    /// Patterns of images whose pods never become ready.
    pub(crate) not_ready: Vec<String>,
    pub(crate) controllers: bool,
    pub(crate) addresses: u32,
    /// Every uid that ever owned anything: the search for dependents of others is spared.
    owners: HashSet<Box<str>>,
}

impl State {
    pub(crate) fn new(seed: u64, controllers: bool) -> Self {
        Self {
            objects: BTreeMap::new(),
            version: 0,
            history: VecDeque::new(),
            history_bytes: 0,
            compacted: 0,
            catalog: Catalog::default(),
            next_dynamic: FIRST_DYNAMIC,
            work: VecDeque::new(),
            wake: None,
            seed,
            counter: 0,
            not_ready: Vec::new(),
            controllers,
            addresses: 0,
            owners: HashSet::new(),
        }
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn oldest(&self) -> u64 {
        self.compacted
    }

    pub(crate) fn take_dynamic_id(&mut self) -> u32 {
        let id = self.next_dynamic;
        self.next_dynamic += 1;
        id
    }

    /// The next number of a sequence that is the same for every run with the same seed.
    pub(crate) fn draw(&mut self) -> u64 {
        self.counter += 1;
        mix(self.seed ^ mix(self.counter))
    }

    /// A new UID.
    pub(crate) fn uid(&mut self) -> String {
        uuid_from(self.draw(), self.draw())
    }

    /// Letters and digits as in generated names.
    pub(crate) fn suffix(&mut self, length: usize) -> String {
        const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        let mut drawn = self.draw();
        let mut out = String::with_capacity(length);
        for _ in 0..length {
            let index = usize::try_from(drawn % 27).unwrap_or(0);
            out.push(char::from(LETTERS[index]));
            drawn /= 27;
        }
        out
    }

    pub(crate) fn key(resource: &Resource, namespace: &str, name: &str) -> Key {
        Key { resource: resource.id, namespace: namespace.into(), name: name.into() }
    }

    pub(crate) fn record(&self, key: &Key) -> Option<&Record> {
        self.objects.get(key)
    }

    pub(crate) fn get(&self, resource: &Resource, namespace: &str, name: &str) -> Option<Value> {
        self.record(&Self::key(resource, namespace, name)).map(Record::value)
    }

    /// Objects of a resource in name order; all namespaces when `namespace` is empty.
    pub(crate) fn iter<'a>(
        &'a self,
        resource: u32,
        namespace: &'a str,
    ) -> impl Iterator<Item = (&'a Key, &'a Record)> + 'a {
        let start = Key { resource, namespace: namespace.into(), name: "".into() };
        self.objects.range(start..).take_while(move |(key, _)| {
            key.resource == resource && (namespace.is_empty() || &*key.namespace == namespace)
        })
    }

    pub(crate) fn values(&self, resource: &Resource, namespace: &str) -> Vec<Value> {
        self.iter(resource.id, namespace).map(|(_, record)| record.value()).collect()
    }

    /// Keys of every object of a namespace.
    pub(crate) fn keys_in(&self, namespace: &str) -> Vec<Key> {
        self.objects
            .keys()
            .filter(|key| !namespace.is_empty() && &*key.namespace == namespace)
            .cloned()
            .collect()
    }

    /// Keys of every object that mentions `uid` among its owners.
    pub(crate) fn dependents(&self, uid: &str) -> Vec<Key> {
        if uid.is_empty() || !self.owners.contains(uid) {
            return Vec::new();
        }
        self.objects
            .iter()
            .filter(|(_, record)| owner_uids(&record.value()).iter().any(|owner| **owner == *uid))
            .map(|(key, _)| key.clone())
            .collect()
    }

    pub(crate) fn all_keys(&self) -> Vec<Key> {
        self.objects.keys().cloned().collect()
    }

    /// Stores an object under a new resourceVersion, which is also set in `object`.
    pub(crate) fn put(
        &mut self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        object: &mut Value,
    ) -> Bytes {
        self.version += 1;
        set_version(object, self.version);
        let key = Self::key(resource, namespace, name);
        let bytes = Bytes::from(object.to_string());
        let before = self.objects.insert(key.clone(), Record { bytes: bytes.clone() });
        for owner in owner_uids(object) {
            self.owners.insert(owner);
        }
        self.remember(Change {
            version: self.version,
            key: key.clone(),
            before: before.map(|record| record.bytes),
            after: Some(bytes.clone()),
            last: None,
        });
        self.work.push_back(Work::Changed(key));
        bytes
    }

    /// Removes an object; `last` is its final state, which gets the deletion's resourceVersion.
    pub(crate) fn remove(&mut self, key: &Key) -> Option<Value> {
        let record = self.objects.remove(key)?;
        self.version += 1;
        let mut last = record.value();
        set_version(&mut last, self.version);
        let bytes = Bytes::from(last.to_string());
        self.remember(Change {
            version: self.version,
            key: key.clone(),
            before: Some(record.bytes),
            after: None,
            last: Some(bytes.clone()),
        });
        self.work.push_back(Work::Deleted { key: key.clone(), object: bytes });
        Some(last)
    }

    fn remember(&mut self, change: Change) {
        self.history_bytes += weight(&change);
        self.history.push_back(change);
        while self.history.len() > HISTORY_EVENTS || self.history_bytes > HISTORY_BYTES {
            let Some(gone) = self.history.pop_front() else { break };
            self.history_bytes -= weight(&gone);
            self.compacted = gone.version;
        }
    }

    /// Tells watches that something happened; called once at the end of a request.
    pub(crate) fn announce(&mut self) {
        if let Some(wake) = &self.wake {
            if wake.is_closed() {
                self.wake = None;
            } else {
                wake.send_replace(self.version);
            }
        }
    }

    /// A receiver that changes with every announced version.
    pub(crate) fn subscribe(&mut self) -> watch::Receiver<u64> {
        match &self.wake {
            Some(wake) => wake.subscribe(),
            None => {
                let (sender, receiver) = watch::channel(self.version);
                self.wake = Some(sender);
                receiver
            }
        }
    }

    /// Steps after `version`; `None` if some are forgotten.
    pub(crate) fn since(&self, version: u64) -> Option<impl Iterator<Item = &Change>> {
        if version < self.compacted {
            return None;
        }
        let start = self.history.partition_point(|change| change.version <= version);
        Some(self.history.range(start..))
    }

    /// Forgets all history, as etcd's compaction does.
    pub(crate) fn compact(&mut self) {
        self.history.clear();
        self.history_bytes = 0;
        self.compacted = self.version;
    }

    /// Bytes held by objects and history, roughly.
    pub(crate) fn footprint(&self) -> usize {
        let objects: usize = self
            .objects
            .iter()
            .map(|(key, record)| record.bytes.len() + key.name.len() + key.namespace.len() + 96)
            .sum();
        objects + self.history_bytes
    }
}

fn weight(change: &Change) -> usize {
    // What is still stored shares its bytes; the superseded state is what the history costs.
    change.before.as_ref().map_or(0, Bytes::len) + change.last.as_ref().map_or(0, Bytes::len) + 96
}

pub(crate) fn set_version(object: &mut Value, version: u64) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("resourceVersion".into(), json!(version.to_string()));
    }
}

/// The uids in `metadata.ownerReferences`.
pub(crate) fn owner_uids(object: &Value) -> Vec<Box<str>> {
    object
        .pointer("/metadata/ownerReferences")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|owner| owner.get("uid").and_then(Value::as_str).map(Box::from))
        .collect()
}

/// A UUID of version 4's form made of two numbers.
pub(crate) fn uuid_from(high: u64, low: u64) -> String {
    let mut bytes = [0u8; 16];
    bytes[..8].copy_from_slice(&high.to_be_bytes());
    bytes[8..].copy_from_slice(&low.to_be_bytes());
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

/// A well-spread number from a number (the finalizer of splitmix64).
pub(crate) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number from text.
pub(crate) fn hash_text(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| mix(hash ^ u64::from(byte)))
}
