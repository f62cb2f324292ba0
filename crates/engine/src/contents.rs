//! Contents: frozen profile revisions and packs, kept in memory because they never change; packs with their templates parsed
//! and their charts read.
//!
//! The cache is bounded by number, and packs by size as well; what falls out is read again. Secrets are never cached.

use std::{
    borrow::Borrow,
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use lru::LruCache;
use strata_model::{
    composition::Composition,
    digest::Digest,
    id::ProjectId,
    pack::Pack,
    profile::{ProfileContent, RevisionReference},
    secret::{Fingerprint, SecretText},
};
use strata_render::{ResolvedLayer, chart::Chart, template::Engine};

use crate::{error::EngineError, session::Session};

/// How many revisions are kept; one is a few kilobytes.
const REVISIONS: NonZeroUsize = NonZeroUsize::new(512).expect("not zero");
/// How many packs are kept.
const PACKS: NonZeroUsize = NonZeroUsize::new(256).expect("not zero");
/// How large they may be together, in bytes of texts, archives and what was unpacked of them.
const PACK_BYTES: usize = 256 << 20;

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
    /// Made by the first render that wants them; none where a render is to say what is wrong.
    templates: OnceLock<Option<Engine>>,
    charts: OnceLock<Option<Vec<Chart>>>,
}

impl SharedPack {
    fn new(pack: Pack) -> Self {
        Self(Arc::new(ReadPack { pack, templates: OnceLock::new(), charts: OnceLock::new() }))
    }

    /// The pack itself.
    pub(crate) fn pack(&self) -> &Pack {
        &self.0.pack
    }

    /// Gives a layer of this pack what was read before, or reads it now: work for the processor.
    pub(crate) fn lend<'a>(&'a self, layer: &mut ResolvedLayer<'a>) {
        let ReadPack { pack, templates, charts } = &*self.0;
        layer.templates = templates.get_or_init(|| strata_render::pack_templates(pack).ok()).as_ref();
        layer.charts = charts.get_or_init(|| strata_render::pack_charts(pack).ok()).as_deref();
    }

    /// About what it holds in memory, by now.
    fn bytes(&self) -> usize {
        let ReadPack { pack, charts, .. } = &*self.0;
        let schema = pack.schema.as_ref().map_or(0, String::len);
        let texts = pack.manifests.iter().map(|manifest| manifest.text.len());
        let presets = pack.presets.iter().map(|preset| preset.add.len());
        let archives = pack.charts.iter().map(|chart| chart.archive.len());
        let read = charts.get().into_iter().flatten().flatten().map(Chart::bytes);
        pack.values.len() + schema + texts.chain(presets).chain(archives).chain(read).sum::<usize>()
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
    /// Whether some text of a pack or layer holds these words.
    pub(crate) fn mentions(&self, words: &str) -> bool {
        let packs = self.packs.values().map(SharedPack::pack);
        let of_packs =
            packs.flat_map(|pack| pack.presets.iter().map(|preset| &preset.add).chain([&pack.values]));
        let layers = self.profiles.values().flat_map(|content| &content.layers);
        let of_layers = layers
            .flat_map(|layer| layer.manifests.iter().map(|manifest| &manifest.text).chain([&layer.values]));
        of_packs.chain(of_layers).any(|text| text.contains(words))
    }

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
            fingerprints.extend(composition.secrets().cloned());
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
        let pack = SharedPack::new(pack);
        let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.put(key, pack.clone());
        let mut bytes: usize = cache.iter().map(|(_, pack)| pack.bytes()).sum();
        while bytes > PACK_BYTES && cache.len() > 1 {
            bytes -= cache.pop_lru().map_or(0, |(_, pack)| pack.bytes());
        }
        Ok(pack)
    }
}
