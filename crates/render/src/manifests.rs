//! A layer's templates, executed.

use std::rc::Rc;

use strata_model::{diagnostic::Diagnostic, pack::Pack};

use crate::{
    base::layer_file,
    capabilities::Capabilities,
    input::RenderInput,
    layer_values::{Prepared, context},
    objects::{self, Manifest},
    pack::is_partial,
    root::Roots,
    template::{Budget, Engine, strip_no_value},
    template_error,
};

/// Most objects of a render.
pub(crate) const MAX_OBJECTS: usize = 5_000;
/// Most text of a render, in bytes.
pub(crate) const MAX_BYTES: usize = 32 * 1024 * 1024;

/// What is left of a render's budget.
#[derive(Debug)]
pub(crate) struct Allowance {
    objects: usize,
    bytes: usize,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { objects: MAX_OBJECTS, bytes: MAX_BYTES }
    }
}

impl Allowance {
    pub(crate) fn take_bytes(&mut self, bytes: usize, file: &str) -> Result<(), Vec<Diagnostic>> {
        self.bytes = self.bytes.checked_sub(bytes).ok_or_else(|| vec![exceeded(file)])?;
        Ok(())
    }

    pub(crate) fn take_objects(&mut self, objects: usize, file: &str) -> Result<(), Vec<Diagnostic>> {
        self.objects = self.objects.checked_sub(objects).ok_or_else(|| vec![exceeded(file)])?;
        Ok(())
    }
}

/// All templates of a pack, parsed. May be kept and shared by all renders of the pack.
///
/// # Errors
/// `TEMPLATE_SYNTAX` for each file that is no template; packs that were loaded by [`crate::load_pack`] have none.
pub fn pack_templates(pack: &Pack) -> Result<Engine, Vec<Diagnostic>> {
    let mut engine = Engine::new();
    let mut problems = Vec::new();
    for manifest in &pack.manifests {
        if let Err(error) = engine.parse(&manifest.path, &manifest.text) {
            problems.push(template_error::diagnose(&error, "TEMPLATE_SYNTAX", |file| file.to_owned()));
        }
    }
    if problems.is_empty() { Ok(engine) } else { Err(problems) }
}

/// Executes the templates of a layer and reads what they write.
pub(crate) fn run(
    input: &RenderInput<'_>,
    capabilities: &Rc<Capabilities>,
    prepared: &Prepared<'_>,
    allowance: &mut Allowance,
) -> Result<Vec<Manifest>, Vec<Diagnostic>> {
    let (layer, pack) = (prepared.layer.layer, prepared.layer.pack);
    let (mut manifests, mut problems) = (Vec::new(), Vec::new());
    for (file, text) in &prepared.attached {
        allowance.take_bytes(text.len(), file)?;
        match objects::read(text, file, file) {
            Ok(read) => {
                allowance.take_objects(read.len(), file)?;
                manifests.extend(read);
            }
            Err(more) => problems.extend(more),
        }
    }
    if pack.manifests.is_empty() {
        return if problems.is_empty() { Ok(manifests) } else { Err(problems) };
    }
    if !input.seeds.contains_key(&layer.name) {
        let message = format!("the layer `{}` has no seed for generated values", layer.name);
        return Err(vec![Diagnostic::new("SEED_MISSING", message).with_help("plan the change again")]);
    }
    let in_layer = |mut problem: Diagnostic| {
        problem.file = problem.file.map(|file| layer_file(layer, &file));
        problem
    };
    let own;
    let engine = match prepared.layer.templates {
        Some(engine) => engine,
        None => {
            own = pack_templates(pack)
                .map_err(|problems| problems.into_iter().map(in_layer).collect::<Vec<_>>())?;
            &own
        }
    };
    let roots = Roots {
        cluster: input.cluster,
        composition: input.composition,
        layer,
        pack,
        values: &prepared.value,
        namespace: &prepared.settings.namespace,
        capabilities,
    };
    let budget = Budget { output: MAX_BYTES, ..Budget::default() };
    let context = context(capabilities, input.seeds.get(&layer.name)).with_budget(budget);
    for manifest in pack.manifests.iter().filter(|manifest| !is_partial(&manifest.path)) {
        let text = match engine.execute(&manifest.path, &roots.of(manifest), &context) {
            Ok(text) => strip_no_value(&text),
            Err(error) => {
                problems.push(template_error::diagnose(&error, "TEMPLATE_FAILED", |file| {
                    layer_file(layer, file)
                }));
                continue;
            }
        };
        let file = format!("{} (rendered)", layer_file(layer, &manifest.path));
        allowance.take_bytes(text.len(), &file)?;
        match objects::read(&text, &file, &manifest.path) {
            Ok(read) => {
                allowance.take_objects(read.len(), &file)?;
                manifests.extend(read);
            }
            Err(more) => problems.extend(more),
        }
    }
    if problems.is_empty() { Ok(manifests) } else { Err(problems) }
}

fn exceeded(file: &str) -> Diagnostic {
    let message = format!("the render has more than {MAX_OBJECTS} objects or {MAX_BYTES} bytes");
    Diagnostic::new("RENDER_TOO_LARGE", message).in_file(file).with_help("render less, or split the profile")
}
