//! Secrets that authors wrote into a profile in the clear: what a pack's schema calls `password`, and the data of Secret objects
//! among a layer's own manifests.
//!
//! They are masked wherever a profile's content is shown. A mask that comes back in an edit means *unchanged*; one that
//! stands where no such secret was is refused, so that a mask is never stored as a value.

use std::collections::{BTreeMap, VecDeque};

use strata_model::{
    diagnostic::Diagnostic,
    profile::ProfileContent,
    secret::{MASK_PREFIX, SecretText},
};
use strata_values::Redactor;

use crate::{error::EngineError, session::Session};

impl Session {
    /// The content as it may be shown.
    pub(crate) async fn masked_content(
        &self,
        mut content: ProfileContent,
    ) -> Result<ProfileContent, EngineError> {
        let secrets = self.secrets_in(&content).await?;
        if secrets.is_empty() {
            return Ok(content);
        }
        let redactor = self.redactor(secrets);
        for layer in &mut content.layers {
            layer.values = redactor.mask_text(&layer.values);
            for manifest in &mut layer.manifests {
                manifest.text = redactor.mask_text(&manifest.text);
            }
        }
        Ok(content)
    }

    /// Every secret that content holds in the clear.
    pub(crate) async fn secrets_in(&self, content: &ProfileContent) -> Result<Vec<SecretText>, EngineError> {
        let mut secrets = Vec::new();
        for layer in &content.layers {
            let pack = self.pack_content(&layer.pack.digest).await?;
            secrets.extend(strata_render::layer_secrets(layer, pack.pack()));
        }
        Ok(secrets)
    }

    /// What puts back what masks stand for, for an edit of this content.
    pub(crate) async fn unmasking(&self, former: &ProfileContent) -> Result<Unmasking, EngineError> {
        let secrets = self.secrets_in(former).await?;
        let redactor = self.redactor(secrets.clone());
        Ok(Unmasking { redactor, secrets })
    }

    fn redactor(&self, secrets: Vec<SecretText>) -> Redactor {
        Redactor::new(self.engine.store().digest_key(), secrets)
    }
}

/// Puts back what masks stand for.
pub(crate) struct Unmasking {
    redactor: Redactor,
    secrets: Vec<SecretText>,
}

impl Unmasking {
    /// A text that somebody edited, with the secrets of the former text where masks stand. A line that comes back as it was
    /// shown is the former line, however the secret was written in it; `file` names the text.
    pub(crate) fn text(
        &self,
        edited: String,
        former: Option<&str>,
        file: &str,
    ) -> Result<String, Diagnostic> {
        if !edited.contains(MASK_PREFIX) {
            return Ok(edited);
        }
        let former = former.unwrap_or_default();
        let shown = self.redactor.mask_text(former);
        let mut lines: BTreeMap<&str, VecDeque<&str>> = BTreeMap::new();
        // A mask never spans lines, nor does masking make or take any.
        if shown.matches('\n').count() == former.matches('\n').count() {
            for (shown, line) in shown.split_inclusive('\n').zip(former.split_inclusive('\n')) {
                if shown != line {
                    lines.entry(shown.trim_end()).or_default().push_back(line.trim_end_matches(['\r', '\n']));
                }
            }
        }
        let mut text = String::with_capacity(edited.len());
        for line in edited.split_inclusive('\n') {
            match lines.get_mut(line.trim_end()).and_then(VecDeque::pop_front) {
                Some(former) => {
                    text.push_str(former);
                    text.push_str(if line.ends_with('\n') { "\n" } else { "" });
                }
                None => text.push_str(&self.line(line)),
            }
        }
        if text.contains(MASK_PREFIX) {
            let message = "a mask stands where the former content has no such secret";
            let help = "write the value itself, or better, refer to a sensitive variable or macro";
            return Err(Diagnostic::new("UNKNOWN_MASK", message).in_file(file).with_help(help));
        }
        Ok(text)
    }

    /// A line that was edited: a secret of one line can be put back into it as it is.
    fn line(&self, line: &str) -> String {
        let mut line = line.to_owned();
        for secret in self.secrets.iter().filter(|secret| !secret.expose().contains('\n')) {
            let mask = self.redactor.mask_of(secret.expose());
            if line.contains(&mask) {
                line = line.replace(&mask, secret.expose());
            }
        }
        line
    }
}
