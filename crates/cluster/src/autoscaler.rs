//! Autoscalers: who holds the replicas of a workload.

use serde_json::Value;
use strata_model::object::{ObjectKey, split_api_version};

use crate::{
    client::{ClusterClient, Version},
    deadline::Deadline,
    error::{ClusterError, FieldConflict},
    objects::ListOptions,
};

/// Group and kind of what scales workloads by itself.
const AUTOSCALERS: [(&str, &str); 2] =
    [("autoscaling", "HorizontalPodAutoscaler"), ("keda.sh", "ScaledObject")];

/// The field manager of the controllers that come with Kubernetes, the autoscaler's among them.
const AUTOSCALING_MANAGER: &str = "kube-controller-manager";

impl ClusterClient {
    /// The autoscalers whose target is this workload.
    ///
    /// # Errors
    /// As every request; kinds that are not served have no objects.
    pub async fn autoscalers_of(&self, workload: &ObjectKey) -> Result<Vec<ObjectKey>, ClusterError> {
        Ok(self
            .autoscalers(workload, self.transport.deadline())
            .await?
            .into_iter()
            .map(|(key, _)| key)
            .collect())
    }

    pub(crate) async fn autoscalers(
        &self,
        workload: &ObjectKey,
        deadline: Deadline,
    ) -> Result<Vec<(ObjectKey, Value)>, ClusterError> {
        let mut found = Vec::new();
        for (group, kind) in AUTOSCALERS {
            let info = match self
                .kind(group, kind, Version::Hint(None), std::time::Duration::ZERO, deadline)
                .await
            {
                Ok(info) => info,
                Err(ClusterError::UnknownKind { .. }) => continue,
                Err(error) => return Err(error),
            };
            let namespace = Some(workload.namespace.clone().unwrap_or_else(|| "default".to_owned()));
            let options = ListOptions { namespace, ..ListOptions::default() };
            let listed = match self.list_kind(&info, &options, deadline).await {
                Ok(listed) => listed.items,
                // Its kind went since the APIs were read.
                Err(ClusterError::NotFound { .. }) => continue,
                Err(error) => return Err(error),
            };
            for item in listed {
                if targets(&item, workload)
                    && let Some(key) = ObjectKey::of(&item)
                {
                    found.push((key, item));
                }
            }
        }
        Ok(found)
    }

    /// Whether a conflict is about replicas that an autoscaler holds.
    ///
    /// The controller of `HorizontalPodAutoscaler`s writes them as `kube-controller-manager`; others, under names of their
    /// own, are known by the object that says what they scale. That somebody used the scale subresource proves nothing:
    /// so does a person with `kubectl scale`, whose wish is a conflict like any other.
    pub(crate) async fn is_autoscaled(
        &self,
        key: &ObjectKey,
        conflict: &FieldConflict,
        deadline: Deadline,
    ) -> bool {
        if conflict.field != ".spec.replicas" {
            return false;
        }
        if conflict.manager == AUTOSCALING_MANAGER {
            return true;
        }
        match self.autoscalers(key, deadline).await {
            Ok(found) => !found.is_empty(),
            Err(error) => {
                // Without an answer the policy of the layer decides, as for any other field.
                tracing::warn!(object = %key, code = error.code(), "cannot tell whether an autoscaler holds the replicas");
                false
            }
        }
    }
}

fn targets(autoscaler: &Value, workload: &ObjectKey) -> bool {
    let Some(target) = autoscaler.pointer("/spec/scaleTargetRef") else { return false };
    let text = |key: &str| target.get(key).and_then(Value::as_str);
    // KEDA's target is a Deployment unless it says otherwise.
    let kind = text("kind").unwrap_or("Deployment");
    let group = text("apiVersion").map_or("apps", |api_version| split_api_version(api_version).0);
    kind == workload.kind && group == workload.group && text("name") == Some(workload.name.as_str())
}
