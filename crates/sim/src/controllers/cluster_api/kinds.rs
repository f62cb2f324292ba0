//! Which of Cluster API's kinds a management cluster serves, and in which version.

use kube::{Client, api::ApiResource, core::GroupVersionKind};

use super::{CONTROL_PLANE, CORE, PassError, limited};

/// The kinds as this management cluster serves them.
#[derive(Clone)]
pub(super) struct Kinds {
    pub(super) cluster: ApiResource,
    pub(super) control_plane: ApiResource,
    pub(super) deployment: ApiResource,
    pub(super) machine: ApiResource,
    /// v1beta2 moved status fields.
    pub(super) modern: bool,
}
/// The newest served version of each kind.
pub(super) async fn discover(client: &Client) -> Result<Kinds, PassError> {
    let groups = limited(client.list_api_groups()).await?;
    let newest = |group: &'static str| -> Result<String, PassError> {
        let versions = groups.groups.iter().find(|g| g.name == group).map(|g| &g.versions);
        let served = |version: &str| versions.is_some_and(|all| all.iter().any(|v| v.version == version));
        ["v1beta2", "v1beta1"]
            .into_iter()
            .find(|version| served(version))
            .map(str::to_owned)
            .ok_or(PassError::NotServed(group))
    };
    let core = newest(CORE)?;
    let control_plane = newest(CONTROL_PLANE)?;
    let kind = |group: &str, version: &str, kind: &str| {
        ApiResource::from_gvk_with_plural(
            &GroupVersionKind::gvk(group, version, kind),
            &format!("{}s", kind.to_lowercase()),
        )
    };
    Ok(Kinds {
        cluster: kind(CORE, &core, "Cluster"),
        deployment: kind(CORE, &core, "MachineDeployment"),
        machine: kind(CORE, &core, "Machine"),
        control_plane: kind(CONTROL_PLANE, &control_plane, "KubeadmControlPlane"),
        modern: core == "v1beta2",
    })
}
