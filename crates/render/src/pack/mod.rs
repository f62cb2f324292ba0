//! The pack format: files in, a [`Pack`] or all that is wrong with them out.
//!
//! *Idea.* The folder format is Palette's: `pack.json`, `values.yaml`, and optionally `presets.yaml`, `schema.yaml`,
//! `manifests/*.yaml` and charts in `charts/`. Every file is read even after a mistake in another, so that an author sees
//! all at once. What is no pack but a Helm chart or plain manifests is made one by [`adopt`].
//!
//! *Guarantees.* Each diagnostic has file, line and column where the text has one, and a way out. A pack that loads has
//! values that are a mapping, presets whose texts read, manifests whose templates parse, and charts that load.
//!
//! *Caveats.* Ansible roles in a pack are refused by name: they are not carried out.

mod adopt;
mod charts;
mod constraints;
mod description;
mod keys;
mod listed;
mod manifests;
mod presets;

use std::str;

use strata_model::{
    diagnostic::Diagnostic,
    pack::{PACK_FILE, Pack, PackFiles},
};

use crate::schema;

pub use adopt::{Adopted, adopt};
pub(crate) use charts::load as load_chart;
pub(crate) use manifests::is_partial;

/// The description.
const DESCRIPTION: &str = PACK_FILE;
/// The default values.
pub const VALUES: &str = "values.yaml";
/// The choices.
pub const PRESETS: &str = "presets.yaml";
/// The rules for values.
pub const SCHEMA: &str = "schema.yaml";

/// Largest text file of a pack, in bytes.
const MAX_TEXT_BYTES: usize = 4 * 1024 * 1024;

/// A pack that was read, and what its author should know.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedPack {
    /// The pack.
    pub pack: Pack,
    /// What does not stop it from loading.
    pub warnings: Vec<Diagnostic>,
}

/// What was found wrong so far.
#[derive(Debug, Default)]
struct Findings {
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

impl Findings {
    fn error(&mut self, diagnostic: Diagnostic) {
        self.errors.push(diagnostic);
    }

    fn warning(&mut self, diagnostic: Diagnostic) {
        self.warnings.push(diagnostic);
    }

    /// Keeps what was read, or notes why not.
    fn keep<T>(&mut self, result: Result<T, Diagnostic>) -> Option<T> {
        result.map_err(|diagnostic| self.error(diagnostic)).ok()
    }
}

/// Reads a pack.
///
/// # Errors
/// All problems of all files: `PACK_*`, `CHART_*`, `ROLES_NOT_SUPPORTED`, `PRESET_*`, `SCHEMA_*`,
/// `TEMPLATE_SYNTAX`, and those of `strata_values::parse`.
pub fn load_pack(files: &PackFiles) -> Result<LoadedPack, Vec<Diagnostic>> {
    let mut findings = Findings::default();
    let description = description::read(files, &mut findings);
    let mut parsed = None;
    let values = match text_of(files, VALUES, &mut findings) {
        Some(values) => {
            parsed = findings.keep(strata_values::parse_mapping(&values, VALUES));
            values
        }
        None if files.contains_key(VALUES) => String::new(),
        None => {
            let missing = Diagnostic::new("PACK_FILE_MISSING", "the pack has no values.yaml").in_file(VALUES);
            findings.error(missing.with_help("add the file; it may be empty"));
            String::new()
        }
    };
    let presets = match text_of(files, PRESETS, &mut findings) {
        Some(text) => presets::read(&text, &mut findings),
        None => Vec::new(),
    };
    let schema = text_of(files, SCHEMA, &mut findings);
    if let Some(Err(problems)) = schema.as_deref().map(schema::parse_schema) {
        findings.errors.extend(problems);
    }
    refuse_roles(files, &mut findings);
    let listed = description.as_ref().and_then(|description| description.listed_manifests.as_deref());
    let manifests = manifests::read(files, listed, &mut findings);
    let listed = description.as_ref().and_then(|description| description.listed_charts.as_deref());
    let charts = charts::read(files, listed, &mut findings);
    if let Some(parsed) = parsed {
        keys::report(&values, &parsed, &charts, &manifests, &mut findings);
    }
    match description {
        Some(description) if findings.errors.is_empty() => {
            let mut pack = description.pack;
            (pack.values, pack.presets, pack.schema, pack.manifests) = (values, presets, schema, manifests);
            pack.charts = charts;
            Ok(LoadedPack { pack, warnings: findings.warnings })
        }
        _ => Err(findings.errors),
    }
}

/// A file as text; notes why not.
fn text_of(files: &PackFiles, path: &str, findings: &mut Findings) -> Option<String> {
    let bytes = files.get(path)?;
    if bytes.len() > MAX_TEXT_BYTES {
        let message = format!("the file has {} bytes; at most {MAX_TEXT_BYTES} are read", bytes.len());
        findings
            .error(Diagnostic::new("PACK_FILE_TOO_LARGE", message).in_file(path).with_help("split the file"));
        return None;
    }
    match str::from_utf8(bytes) {
        Ok(text) => Some(text.strip_prefix('\u{feff}').unwrap_or(text).to_owned()),
        Err(error) => {
            let before = String::from_utf8_lossy(bytes.get(..error.valid_up_to()).unwrap_or_default());
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
            let to_u32 = |number| u32::try_from(number).unwrap_or(u32::MAX);
            findings.error(
                Diagnostic::new("PACK_NOT_TEXT", "the file is not UTF-8 text")
                    .in_file(path)
                    .at(to_u32(line), to_u32(column))
                    .with_help("save the file in the encoding UTF-8"),
            );
            None
        }
    }
}

fn refuse_roles(files: &PackFiles, findings: &mut Findings) {
    if let Some(path) =
        files.keys().find(|path| path.starts_with("ansible-roles/") || path.starts_with("ansibleRoles/"))
    {
        findings.error(
            Diagnostic::new("ROLES_NOT_SUPPORTED", "the pack holds Ansible roles, which are not carried out")
                .in_file(path.as_str())
                .with_help("do in the machine image what the roles do, and remove the folder"),
        );
    }
}
