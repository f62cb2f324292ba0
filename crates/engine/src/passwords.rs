//! Secrets that authors wrote into a profile in the clear: what a pack's schema calls `password`, and the data of Secret objects
//! among a layer's own manifests.
//!
//! They are masked wherever a profile's content is shown. A mask that comes back in an edit means *unchanged*; one that
//! stands where no such secret was is refused, so that a mask is never stored as a value.

use std::collections::{BTreeMap, VecDeque};

use strata_model::{
    diagnostic::Diagnostic,
    digest::Digest,
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

    /// The digest of content. A digest of secrets that anybody could try is none: with secrets in it, it is keyed.
    pub(crate) async fn digest_of(&self, content: &ProfileContent) -> Result<Digest, EngineError> {
        if self.secrets_in(content).await?.is_empty() {
            return Ok(content.digest());
        }
        let key = self.engine.store().digest_key();
        Ok(key.document("content", &serde_json::to_value(content)?))
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

#[cfg(test)]
mod tests {
    use strata_model::digest::DigestKey;

    use super::*;

    fn unmasking(secrets: &[&str]) -> Unmasking {
        let secrets: Vec<SecretText> = secrets.iter().map(|secret| SecretText::new(*secret)).collect();
        Unmasking { redactor: Redactor::new(&DigestKey::new([1; 32]), secrets.clone()), secrets }
    }

    #[test]
    fn what_comes_back_as_it_was_shown_is_what_it_was() {
        let pem = "-----BEGIN KEY-----\nAAAA1111BBBB2222\nCCCC3333DDDD4444\n-----END KEY-----\n";
        let unmasking = unmasking(&["hunter22", "it's hunter33", pem]);
        let body: String = pem.lines().map(|line| format!("  {line}\n")).collect();
        let former = format!(
            "password: hunter22\nauth: aHVudGVyMjI=\nquoted: 'it''s hunter33'\nkey: |\n{body}port: 80\n"
        );
        let shown = unmasking.redactor.mask_text(&former);
        assert!(!shown.contains("hunter") && !shown.contains("AAAA1111"), "{shown}");
        assert_eq!(unmasking.text(shown.clone(), Some(&former), "f").unwrap(), former);
        // Other lines may move, go, or be edited.
        let edited = shown.replace("port: 80", "port: 81").replace("password: ", "secret: ");
        let kept = former.replace("port: 80", "port: 81").replace("password: ", "secret: ");
        assert_eq!(unmasking.text(edited, Some(&former), "f").unwrap(), kept);
        let unknown =
            unmasking.text("a: ‹secret:000000000000›\n".to_owned(), Some(&former), "f").unwrap_err();
        assert_eq!((unknown.code.as_str(), unknown.file.as_deref()), ("UNKNOWN_MASK", Some("f")));
    }
}
