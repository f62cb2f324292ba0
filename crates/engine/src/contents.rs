//! Contents: frozen profile revisions and packs, kept in memory because they never change; packs with their templates parsed
//! and their charts read.
//!
//! The cache is bounded by number, and packs by size as well; what falls out is read again. Secrets are never cached.

use std::{
    borrow::Borrow,
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use lru::LruCache;
use strata_model::{
    composition::Composition,
    digest::Digest,
    id::ProjectId,
    pack::Pack,
    profile::{ProfileContent, RevisionReference},
    secret::{Fingerprint, SecretText},
    variable::VariableValue,
};
use strata_render::{ResolvedLayer, chart::Chart, template::Engine};

use crate::{error::EngineError, session::Session};

/// How many revisions are kept; one is a few kilobytes.
const REVISIONS: NonZeroUsize = NonZeroUsize::new(512).expect("not zero");
/// How many packs are kept.
const PACKS: NonZeroUsize = NonZeroUsize::new(256).expect("not zero");
/// How large they may be together, in bytes of texts and archives. In memory a chart takes several times its archive.
const PACK_BYTES: usize = 64 << 20;

/// Frozen content by what names it.
#[derive(Debug)]
pub(crate) struct ContentCache {
    revisions: Mutex<LruCache<(ProjectId, RevisionReference), Arc<ProfileContent>>>,
    packs: Mutex<LruCache<(ProjectId, Digest), SharedPack>>,
}

/// A pack with what every render of it would read anew.
#[derive(Debug, Clone)]
pub(crate) struct SharedPack(Arc<ReadPack>);

#[derive(Debug)]
struct ReadPack {
    pack: Pack,
    /// None where a render is to say what is wrong.
    templates: Option<Engine>,
    charts: Option<Vec<Chart>>,
}

impl SharedPack {
    fn read(pack: Pack) -> Self {
        let templates = strata_render::pack_templates(&pack).ok();
        let charts = strata_render::pack_charts(&pack).ok();
        Self(Arc::new(ReadPack { pack, templates, charts }))
    }

    /// The pack itself.
    pub(crate) fn pack(&self) -> &Pack {
        &self.0.pack
    }

    /// Gives a layer of this pack what was read before.
    pub(crate) fn lend<'a>(&'a self, layer: &mut ResolvedLayer<'a>) {
        layer.templates = self.0.templates.as_ref();
        layer.charts = self.0.charts.as_deref();
    }

    fn bytes(&self) -> usize {
        let pack = self.pack();
        let texts = pack.manifests.iter().map(|manifest| manifest.text.len());
        let archives = pack.charts.iter().map(|chart| chart.archive.len());
        pack.values.len() + texts.chain(archives).sum::<usize>()
    }
}

impl Borrow<Pack> for SharedPack {
    fn borrow(&self) -> &Pack {
        self.pack()
    }
}

impl Default for ContentCache {
    fn default() -> Self {
        Self { revisions: Mutex::new(LruCache::new(REVISIONS)), packs: Mutex::new(LruCache::new(PACKS)) }
    }
}

/// Everything that some compositions refer to, read before the pure core is called.
#[derive(Debug, Default, Clone)]
pub(crate) struct Contents {
    profiles: BTreeMap<RevisionReference, Arc<ProfileContent>>,
    packs: BTreeMap<Digest, SharedPack>,
    pub(crate) secrets: BTreeMap<Fingerprint, SecretText>,
}

impl strata_plan::Contents for Contents {
    fn profile(&self, revision: &RevisionReference) -> Option<&ProfileContent> {
        self.profiles.get(revision).map(Arc::as_ref)
    }

    fn pack(&self, digest: &Digest) -> Option<&Pack> {
        self.packs.get(digest).map(SharedPack::pack)
    }

    fn secret(&self, fingerprint: &Fingerprint) -> Option<&SecretText> {
        self.secrets.get(fingerprint)
    }
}

impl Contents {
    /// The revisions by reference.
    pub(crate) const fn profiles(&self) -> &BTreeMap<RevisionReference, Arc<ProfileContent>> {
        &self.profiles
    }

    /// The packs by digest.
    pub(crate) const fn packs(&self) -> &BTreeMap<Digest, SharedPack> {
        &self.packs
    }
}

impl Session {
    /// Reads what compositions refer to, and the secrets named besides.
    pub(crate) async fn contents_of<'a>(
        &self,
        compositions: impl IntoIterator<Item = &'a Composition> + Send,
        revisions: impl IntoIterator<Item = &'a RevisionReference> + Send,
        secrets: impl IntoIterator<Item = &'a Fingerprint> + Send,
    ) -> Result<Contents, EngineError> {
        let mut wanted: Vec<RevisionReference> = revisions.into_iter().cloned().collect();
        let mut fingerprints: Vec<Fingerprint> = secrets.into_iter().cloned().collect();
        for composition in compositions {
            wanted.extend(composition.attachments.iter().map(|attachment| attachment.revision.clone()));
            wanted.extend(composition.held.iter().map(|held| held.revision.clone()));
            fingerprints.extend(composition.variables.values().filter_map(|value| match value {
                VariableValue::Sensitive(fingerprint) => Some(fingerprint.clone()),
                VariableValue::Plain(_) => None,
            }));
        }
        let mut contents = Contents::default();
        for revision in wanted {
            if contents.profiles.contains_key(&revision) {
                continue;
            }
            let content = self.revision_content(&revision).await?;
            for layer in &content.layers {
                if !contents.packs.contains_key(&layer.pack.digest) {
                    let pack = self.pack_content(&layer.pack.digest).await?;
                    contents.packs.insert(layer.pack.digest.clone(), pack);
                }
            }
            contents.profiles.insert(revision, content);
        }
        for fingerprint in fingerprints {
            if let std::collections::btree_map::Entry::Vacant(entry) = contents.secrets.entry(fingerprint) {
                let text = self.rows().secret_get(entry.key()).await?;
                entry.insert(text);
            }
        }
        Ok(contents)
    }

    /// One frozen revision.
    pub(crate) async fn revision_content(
        &self,
        revision: &RevisionReference,
    ) -> Result<Arc<ProfileContent>, EngineError> {
        let key = (self.project, revision.clone());
        let cache = &self.engine.contents().revisions;
        if let Some(content) = cache.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(Arc::clone(content));
        }
        let content = self.rows().revision_get(revision).await?;
        let content = Arc::new(content.content);
        cache.lock().unwrap_or_else(PoisonError::into_inner).put(key, Arc::clone(&content));
        Ok(content)
    }

    /// One pack by the digest of its content.
    pub(crate) async fn pack_content(&self, digest: &Digest) -> Result<SharedPack, EngineError> {
        let key = (self.project, digest.clone());
        let cache = &self.engine.contents().packs;
        if let Some(pack) = cache.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(pack.clone());
        }
        let record = self.rows().pack_by_digest(digest).await?;
        let pack = self.rows().pack_content(&record).await?;
        // Unpacking charts is work for the processor: not for a thread that serves others.
        let read = tokio::task::spawn_blocking(move || SharedPack::read(pack));
        let pack = read.await.map_err(EngineError::internal)?;
        let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.put(key, pack.clone());
        let mut bytes: usize = cache.iter().map(|(_, pack)| pack.bytes()).sum();
        while bytes > PACK_BYTES && cache.len() > 1 {
            bytes -= cache.pop_lru().map_or(0, |(_, pack)| pack.bytes());
        }
        Ok(pack)
    }
}
