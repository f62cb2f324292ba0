//! How long a render takes, beside reading the same texts without rendering anything.
//!
//! *Idea.* A time in milliseconds says something about a machine, a ratio something about the code: the last lines set a
//! render of all layers of the example profile against parsing its values and templates only.
//!
//! Run with `cargo bench -p strata-render`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a benchmark without its input fails")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    collections::BTreeMap,
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::Criterion;
use strata_model::{Timestamp, profile::LayerName};
use strata_render::{
    LayerBase, LayerSeed, RenderInput, ResolvedLayer, layer_base, pack_templates, render, resolve_layers,
    template::Engine,
};

use support::{Scene, example, layer, with_preset};

/// All layers of the example profile on a cluster that is made by it.
fn example_profile() -> Scene {
    let mut scene = Scene::provisioned();
    let folders =
        ["ubuntu-22.04", "kubernetes-1.34.x", "cni-demo-1.0.0", "csi-demo-1.0.0", "hello-universe-1.2.0"];
    let layers = folders.into_iter().map(|folder| {
        let pack = example(folder);
        let own = layer(&pack.name, &pack);
        let own = if folder.starts_with("hello") { with_preset(own, "Backend", "enable-api") } else { own };
        (own, pack)
    });
    scene.attach("web", "1.0.0", layers.collect());
    scene
}

/// What a server may keep between renders of one revision.
struct Kept {
    bases: Vec<LayerBase>,
    templates: Vec<Engine>,
}

struct Work<'a> {
    scene: &'a Scene,
    layers: Vec<ResolvedLayer<'a>>,
    seeds: BTreeMap<LayerName, LayerSeed>,
}

impl<'a> Work<'a> {
    fn of(scene: &'a Scene) -> Self {
        let layers = resolve_layers(&scene.composition, &scene.contents, &scene.packs).unwrap();
        let seed = LayerSeed { seed: scene.seed, instant: Timestamp::UNIX_EPOCH };
        let seeds = layers.iter().map(|own| (own.layer.name.clone(), seed.clone())).collect();
        Self { scene, layers, seeds }
    }

    fn keep(&self) -> Kept {
        let base = |own: &ResolvedLayer<'_>| layer_base(own.layer, own.pack, own.revision).unwrap();
        let templates = |own: &ResolvedLayer<'_>| pack_templates(own.pack).unwrap();
        Kept {
            bases: self.layers.iter().map(base).collect(),
            templates: self.layers.iter().map(templates).collect(),
        }
    }

    fn with(mut self, kept: &'a Kept) -> Self {
        for (own, (base, templates)) in self.layers.iter_mut().zip(kept.bases.iter().zip(&kept.templates)) {
            (own.base, own.templates) = (Some(base), Some(templates));
        }
        self
    }

    /// Reads values and templates, and does nothing with them.
    fn parse(&self) -> usize {
        let mut read = 0;
        for own in &self.layers {
            read += strata_values::parse(&own.pack.values, "values.yaml")
                .unwrap()
                .as_object()
                .map_or(0, |map| map.len());
            read += pack_templates(own.pack).unwrap().names().count();
        }
        read
    }

    fn render(&self) -> usize {
        let input = RenderInput {
            cluster: &self.scene.cluster,
            composition: &self.scene.composition,
            layers: &self.layers,
            secrets: &self.scene.secrets,
            facts: &self.scene.facts,
            seeds: &self.seeds,
        };
        render(&input).unwrap_or_else(|problems| panic!("{problems:#?}")).objects.len()
    }
}

/// The median of a hundred runs.
fn median(mut work: impl FnMut() -> usize) -> Duration {
    let mut times: Vec<Duration> = (0..100)
        .map(|_| {
            let start = Instant::now();
            black_box(work());
            start.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

fn main() {
    let scene = example_profile();
    let cold = Work::of(&scene);
    let kept = cold.keep();
    let warm = Work::of(&scene).with(&kept);

    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("example profile");
    group.bench_function("parsing only", |bencher| bencher.iter(|| cold.parse()));
    group.bench_function("bases and templates", |bencher| bencher.iter(|| cold.keep()));
    group.bench_function("render", |bencher| bencher.iter(|| cold.render()));
    group.bench_function("render, bases and templates kept", |bencher| bencher.iter(|| warm.render()));
    group.finish();
    criterion.final_summary();

    let parsing = median(|| cold.parse());
    println!("{} objects; parsing only: {parsing:?}", cold.render());
    for (name, time) in [("render", median(|| cold.render())), ("render, kept", median(|| warm.render()))] {
        println!("{name}: {time:?}, {:.1} times parsing", time.as_secs_f64() / parsing.as_secs_f64());
    }
}
