//! What is known of each object while it is waited for.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use strata_model::object::ObjectKey;

use crate::{error::ClusterError, health::Health, watch::Expectation};

#[derive(Debug)]
pub(super) struct Board {
    verdicts: Mutex<BTreeMap<ObjectKey, Health>>,
    /// Why the cluster could not be asked last, by group.
    trouble: Mutex<BTreeMap<String, ClusterError>>,
}

impl Board {
    pub(super) fn new(expectations: &[Expectation]) -> Self {
        let verdict = || Health::Progressing("it was not looked at yet".to_owned());
        let verdicts = expectations.iter().map(|one| (one.reference.key.clone(), verdict())).collect();
        Self { verdicts: Mutex::new(verdicts), trouble: Mutex::default() }
    }

    /// Writes a verdict down; answers whether it is a new one.
    pub(super) fn put(&self, key: &ObjectKey, verdict: &Health) -> bool {
        self.verdicts().insert(key.clone(), verdict.clone()).as_ref() != Some(verdict)
    }

    pub(super) fn pending(&self) -> Vec<(ObjectKey, String)> {
        self.verdicts()
            .iter()
            .filter(|(_, verdict)| !verdict.is_ready())
            .map(|(key, verdict)| (key.clone(), verdict.reason().to_owned()))
            .collect()
    }

    pub(super) fn set_trouble(&self, group: &str, error: Option<ClusterError>) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match error {
            Some(error) => trouble.insert(group.to_owned(), error),
            None => trouble.remove(group),
        };
    }

    pub(super) fn take_trouble(&self) -> Option<ClusterError> {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.pop_first().map(|(_, error)| error)
    }

    fn verdicts(&self) -> MutexGuard<'_, BTreeMap<ObjectKey, Health>> {
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
