//! Passwords that authors wrote into a profile's values: what a pack's schema calls `password`.
//!
//! They are masked wherever a profile's content is shown. A mask that comes back in an edit means *unchanged*; one that
//! stands where no such password was is refused, so that a mask is never stored as a value.

use strata_model::{
    diagnostic::Diagnostic,
    profile::{Layer, ProfileContent},
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
        for layer in &mut content.layers {
            let passwords = self.passwords_of(layer).await?;
            if !passwords.is_empty() {
                layer.values = self.redactor(passwords).mask_text(&layer.values);
            }
        }
        Ok(content)
    }

    /// Puts back what masks in a layer's values stand for: the passwords that the former content has in this layer.
    pub(crate) async fn unmask_values(
        &self,
        layer: &str,
        values: String,
        former: &ProfileContent,
    ) -> Result<Result<String, Diagnostic>, EngineError> {
        if !values.contains(MASK_PREFIX) {
            return Ok(Ok(values));
        }
        let mut text = values;
        if let Some(former) = former.layers.iter().find(|candidate| candidate.name.as_str() == layer) {
            let passwords = self.passwords_of(former).await?;
            let redactor = self.redactor(passwords.clone());
            for password in passwords {
                text = text.replace(&redactor.mask_of(password.expose()), password.expose());
            }
        }
        if text.contains(MASK_PREFIX) {
            let problem =
                Diagnostic::new("UNKNOWN_MASK", "a mask stands where the former content has no such secret")
                    .in_file(format!("layer `{layer}`"))
                    .with_help("write the value itself, or better, refer to a sensitive variable");
            return Ok(Err(problem));
        }
        Ok(Ok(text))
    }

    async fn passwords_of(&self, layer: &Layer) -> Result<Vec<SecretText>, EngineError> {
        let pack = self.pack_content(&layer.pack.digest).await?;
        Ok(strata_render::layer_passwords(layer, pack.pack()))
    }

    fn redactor(&self, secrets: Vec<SecretText>) -> Redactor {
        Redactor::new(self.engine.store().digest_key(), secrets)
    }
}
