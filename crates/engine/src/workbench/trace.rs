//! Tracing a field of an object that a plan renders back to the values it comes from.

use std::time::{Duration, Instant};

use serde_json::Value;
use strata_model::{
    access::Permission,
    error::{Refusal, RefusalCode},
    field_trace::FieldTrace,
    id::PlanId,
    object::{Destination, ObjectKey},
    render::Render,
    value_path::ValuePath,
};
use strata_render::Field;
use strata_values::Redactor;

use super::{
    Intent,
    gather::Gathered,
    make::{self, Made},
    nothing_applied, pure,
};
use crate::{error::EngineError, session::Session};

/// How long is searched; then it is said that not all was tried.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many objects a refusal names.
const NAMED: usize = 5;

impl Session {
    /// Where a field of an object comes from that a plan renders. `object` is written as plans write it, `Deployment.apps
    /// shop/web`; group and namespace may be left out where that leaves one object. Values of secrets are masked.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `INVALID_INPUT`, `STALE_PLAN` when another plan would be made by now, `RENDER_FAILED`.
    pub async fn trace_field(
        &self,
        plan: PlanId,
        object: &str,
        path: &str,
    ) -> Result<FieldTrace, EngineError> {
        let path: ValuePath = path.parse().map_err(|error: strata_model::value_path::InvalidPath| {
            Refusal::new(
                RefusalCode::InvalidInput,
                error.to_string(),
                "write it as a plan does: `spec.replicas`",
            )
            .at("path")
        })?;
        let (gathered, made) = self.made_again(plan).await?;
        let (destination, key) = select(&made.render, object)?;
        let until = Instant::now() + PATIENCE;
        pure(move || {
            let composition = made.composition.as_ref().or(gathered.applied.as_ref());
            let composition = composition.ok_or_else(|| nothing_applied(&gathered.cluster))?;
            let field = Field { destination, object: &key, path: &path };
            let redactor = redactor(&gathered, &made);
            let goes_on = || Instant::now() < until;
            let mut trace = make::traced(&gathered, composition, &made.render, field, &goes_on, &redactor)?;
            trace.value = trace.value.map(|value| redactor.mask_value(&value));
            for source in &mut trace.sources {
                // What was looked up may be a Secret.
                source.value = redactor.mask_secret_object(&source.value);
                source.path = redactor.mask_text(&source.path);
            }
            trace.undecided = trace.undecided.iter().map(|path| redactor.mask_text(path)).collect();
            Ok(trace)
        })
        .await
    }

    /// An object as a plan sends it, secrets masked. `object` is written as for [`Session::trace_field`].
    ///
    /// # Errors
    /// As [`Session::trace_field`].
    pub async fn manifest(&self, plan: PlanId, object: &str) -> Result<Value, EngineError> {
        let (gathered, made) = self.made_again(plan).await?;
        let (destination, key) = select(&made.render, object)?;
        pure(move || {
            let hook = made.render.hook(destination, &key).map(|hook| &hook.object);
            let object = made.render.object(destination, &key).or(hook);
            let body = object.map(|object| object.body.clone()).unwrap_or_default();
            Ok(redactor(&gathered, &made).mask_secret_object(&body))
        })
        .await
    }

    /// Makes a stored plan once more, with its renders.
    async fn made_again(&self, plan: PlanId) -> Result<(Gathered, Made), EngineError> {
        self.permit(Permission::Read)?;
        let stored = self.rows().plan_get(plan).await?;
        let cluster = self.rows().cluster_get(stored.plan.cluster).await?;
        let intent: Intent = serde_json::from_value(stored.intent)?;
        let (gathered, made) = self.make_intent(&cluster, stored.plan.kind, None, &intent).await?;
        let made = made.map_err(|unmade| unmade.error)?;
        if made.plan.digest != stored.plan.digest {
            return Err(EngineError::refuse(
                RefusalCode::StalePlan,
                "another plan would be made by now",
                "preview again, and ask about that plan",
            ));
        }
        Ok((gathered, made))
    }
}

/// Knows the secrets of a plan.
fn redactor(gathered: &Gathered, made: &Made) -> Redactor {
    let mut secrets = make::contents_secrets(gathered);
    secrets.extend(made.before.secrets.iter().chain(&made.render.secrets).cloned());
    Redactor::new(&gathered.key, secrets)
}

/// The one object that a text names.
fn select(render: &Render, text: &str) -> Result<(Destination, ObjectKey), Refusal> {
    let wrong = |message: String, help: String| {
        let shown: String = message.chars().take(500).collect();
        Refusal::new(RefusalCode::InvalidInput, shown, help).at("object")
    };
    let Some((kind, name)) = text.trim().split_once(' ') else {
        let help = "write `KIND NAME`, or as plans do: `Deployment.apps shop/web`";
        return Err(wrong(format!("`{text}` names no object"), help.to_owned()));
    };
    let (kind, group) = kind.split_once('.').map_or((kind, None), |(kind, group)| (kind, Some(group)));
    let (namespace, name) = name.split_once('/').map_or((None, name), |(space, name)| (Some(space), name));
    let fits = |key: &ObjectKey| {
        key.kind.eq_ignore_ascii_case(kind)
            && key.name == name
            && group.is_none_or(|group| key.group == group)
            && namespace.is_none_or(|namespace| key.namespace.as_deref() == Some(namespace))
    };
    let objects = render.objects.iter().chain(render.hooks.iter().map(|hook| &hook.object));
    let mut found: Vec<(Destination, ObjectKey)> =
        objects.filter(|it| fits(&it.key)).map(|it| (it.destination, it.key.clone())).collect();
    found.dedup();
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => {
            let help = "name one that the preview sends or that stays as it is: what is left behind is not rendered any more";
            Err(wrong(format!("`{text}` is not rendered"), help.to_owned()))
        }
        several => {
            let names: Vec<String> = several.iter().take(NAMED).map(|(_, key)| key.to_string()).collect();
            let help = format!("name it whole: {}", names.join(", "));
            Err(wrong(format!("`{text}` names {} objects", several.len()), help))
        }
    }
}
