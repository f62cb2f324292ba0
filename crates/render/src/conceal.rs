//! Secrets kept out of diagnostics.
//!
//! A template may quote a value in its error (`fail (printf "bad password %s" …)`), and the render that failed has
//! nothing to hand out by which the caller could mask it. So what is known to be secret is masked before it leaves,
//! without a fingerprint: the key for those is not known here.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use strata_model::{
    diagnostic::Diagnostic,
    secret::{MASK_PREFIX, MASK_SUFFIX, SecretText},
};

/// Shorter texts are left alone: masking each occurrence of `a` would leave nothing to read.
const SHORTEST: usize = 4;

/// The same diagnostics without these secrets, neither as they are nor in base64.
pub(crate) fn conceal<'s>(
    mut problems: Vec<Diagnostic>,
    secrets: impl IntoIterator<Item = &'s SecretText>,
) -> Vec<Diagnostic> {
    let mut forms: Vec<String> = Vec::new();
    for secret in secrets {
        let text = secret.expose();
        let trimmed = text.trim();
        for form in [text, trimmed].into_iter().chain(text.lines()) {
            if form.len() >= SHORTEST {
                forms.push(form.to_owned());
                forms.push(STANDARD.encode(form));
                forms.push(form.escape_debug().to_string());
            }
        }
    }
    // The longest first, so that no secret that contains another is masked in part.
    forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    forms.dedup();
    let mask = format!("{}{MASK_SUFFIX}", MASK_PREFIX.trim_end_matches(':'));
    for problem in &mut problems {
        for text in
            [Some(&mut problem.message), problem.help.as_mut(), problem.file.as_mut()].into_iter().flatten()
        {
            for form in &forms {
                if text.contains(form.as_str()) {
                    *text = text.replace(form.as_str(), &mask);
                }
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_in_every_form() {
        let problem =
            Diagnostic::new("X", "bad hunter22, aHVudGVyMjI= and hunter22hunter22").with_help("not hunter22");
        let secrets =
            [SecretText::new("hunter22"), SecretText::new("a"), SecretText::new("hunter22hunter22")];
        let problem = conceal(vec![problem], &secrets).remove(0);
        assert_eq!(problem.message, "bad ‹secret›, ‹secret› and ‹secret›");
        assert_eq!(problem.help.as_deref(), Some("not ‹secret›"));
    }
}
