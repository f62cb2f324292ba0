//! What is not as it was last sent.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};
use strata_model::evidence::FieldDrift;
use strata_values::{
    Redactor, diff_values,
    secret_object::{is_secret, secret_values},
};

use super::answer::content;

/// The fields that Strata sent and that are not so: those that sending the same once more would put back.
///
/// `restored` is what the API server answers to a dry run of what was `sent`; so what it fills in and how it writes values is
/// no drift, nor is what others hold by right.
#[must_use]
pub fn drift(sent: &Value, live: &Value, restored: &Value, redactor: &Redactor) -> Vec<FieldDrift> {
    let (live, restored) = (content(live), content(restored));
    if live == restored {
        return Vec::new();
    }
    let sent = &as_kept(sent);
    let mut secrets = secret_values(&live);
    secrets.extend(secret_values(sent));
    let redactor = &redactor.with(secrets);
    let (masked_live, masked_sent) = (redactor.mask_secret_object(&live), redactor.mask_secret_object(sent));
    let changes = diff_values(&live, &restored).into_iter();
    let found = changes.filter_map(|change| {
        // An item that only went to another place of its list has the same content.
        change.after.as_ref()?;
        let sent = change.path.find(sent).map(|sent| change.path.find(&masked_sent).unwrap_or(sent))?;
        let live = change.path.find(&live).map(|live| change.path.find(&masked_live).unwrap_or(live));
        Some(FieldDrift {
            sent: redactor.mask_value(sent),
            live: live.map(|live| redactor.mask_value(live)),
            path: redactor.mask_text(&change.path.to_string()),
        })
    });
    found.collect()
}

/// What was sent, with the texts of a Secret where the API server keeps them.
fn as_kept(sent: &Value) -> Value {
    let mut kept = sent.clone();
    if !is_secret(sent) {
        return kept;
    }
    let Some(fields) = kept.as_object_mut() else { return kept };
    let Some(Value::Object(texts)) = fields.shift_remove("stringData") else { return kept };
    let data = fields.entry("data").or_insert_with(|| Value::Object(Map::new()));
    if let Some(data) = data.as_object_mut() {
        let encoded = texts
            .into_iter()
            .filter_map(|(key, text)| Some((key, Value::String(STANDARD.encode(text.as_str()?.as_bytes())))));
        data.extend(encoded);
    }
    kept
}
