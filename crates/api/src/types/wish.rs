//! Wishes: what a cluster should become, as clients say it.

use async_graphql::{Enum, ID, InputObject, Json, OneofObject};
use serde_json::Value;
use strata_engine::{OverrideEdit, OverrideWish, RequestOptions, RevisionWish, Wish};
use strata_model::{
    composition,
    digest::Digest,
    error::{Refusal, RefusalCode},
    id::ChangeId,
    overrides::{ConflictResolution, ItemKey, Patch, PatchOperation, ResolutionChoice},
    profile::LayerName,
    value_path::ValuePath,
};

use super::{
    global_id,
    scalar::{DigestText, KeyValue, SemVerText},
};

/// What a cluster should become, and whether to ask it what it says to that.
#[derive(Debug, Clone, Default, InputObject)]
pub struct PreviewUpgradeInput {
    /// What the cluster should become.
    #[graphql(flatten)]
    pub wish: WishInput,
    /// Whether to ask the living cluster, too, what would become of each object. Nothing is changed there.
    #[graphql(default)]
    pub live: bool,
}

/// What a cluster should become: any mix of the parts.
#[derive(Debug, Clone, Default, InputObject)]
pub struct WishInput {
    /// The project; may be left out when the token sees one only.
    pub project: Option<String>,
    /// The cluster's name.
    pub cluster: String,
    /// Profile versions to attach. Another version of an attached profile takes its place.
    pub attach: Option<Vec<RevisionInput>>,
    /// Names of add-on profiles to detach. What they brought is left behind as orphans.
    pub detach: Option<Vec<String>>,
    /// Overrides to set; each replaces its layer's override.
    pub overrides: Option<Vec<OverrideInput>>,
    /// Layers whose override is dropped.
    pub unset_overrides: Option<Vec<String>>,
    /// Variables to set.
    pub variables: Option<Vec<VariableValueInput>>,
    /// Variables to take away, so that the profile's default counts.
    pub unset_variables: Option<Vec<String>>,
    /// The control plane.
    pub control_plane: Option<ControlPlaneInput>,
    /// All node pools.
    pub node_pools: Option<Vec<NodePoolInput>>,
    /// Whether generated values are made anew.
    #[graphql(default)]
    pub rotate_generated: bool,
    /// Whether layers that a rollback held go on with their profile.
    #[graphql(default)]
    pub release_held: bool,
    /// Whether to go to the newest revision of each version that is attached. Macros are taken as they are now either way.
    #[graphql(default)]
    pub take_updates: bool,
    /// Decisions about merge conflicts.
    pub resolutions: Option<Vec<ResolutionInput>>,
    /// The change to go back behind: to what the cluster ran before it, as far as that can be. Nothing else can be given.
    pub roll_back: Option<ID>,
}

impl WishInput {
    /// As the engine takes it.
    ///
    /// # Errors
    /// A refusal that names the field.
    pub fn wish(self) -> Result<Wish, Refusal> {
        let overrides = each("overrides", self.overrides, OverrideInput::wish)?;
        let resolutions = each("resolutions", self.resolutions, ResolutionInput::resolution)?;
        Ok(Wish {
            cluster: self.cluster,
            attach: self.attach.unwrap_or_default().into_iter().map(RevisionInput::wish).collect(),
            detach: self.detach.unwrap_or_default(),
            overrides,
            unset_overrides: self.unset_overrides.unwrap_or_default(),
            variables: variables(self.variables),
            unset_variables: self.unset_variables.unwrap_or_default(),
            control_plane: self.control_plane.map(|plane| composition::ControlPlaneWish {
                replicas: plane.replicas,
                attributes: plane.attributes.map(|attributes| KeyValue::map(Some(attributes))),
            }),
            node_pools: self.node_pools.map(|pools| {
                let pool = |pool: NodePoolInput| composition::NodePoolWish {
                    name: pool.name,
                    replicas: pool.replicas,
                    attributes: pool.attributes.map(|attributes| KeyValue::map(Some(attributes))),
                };
                pools.into_iter().map(pool).collect()
            }),
            rotate_generated: self.rotate_generated,
            release_held: self.release_held,
            take_updates: self.take_updates,
            resolutions,
            roll_back: self.roll_back.as_ref().map(change_id).transpose()?,
        })
    }
}

fn change_id(id: &ID) -> Result<ChangeId, Refusal> {
    match global_id::decode(id) {
        Some((noun, uuid)) if noun == ChangeId::NOUN => Ok(ChangeId::new(uuid)),
        _ => Err(Refusal::not_found("change", id.as_str()).at("rollBack")),
    }
}

/// Variables as the engine takes them.
#[must_use]
pub fn variables(values: Option<Vec<VariableValueInput>>) -> Vec<(String, String)> {
    values.unwrap_or_default().into_iter().map(|variable| (variable.name, variable.value)).collect()
}

/// Turns each item of a list, and names the place of the one that cannot be.
///
/// # Errors
/// The first refusal.
pub fn each<I, O>(
    field: &str,
    items: Option<Vec<I>>,
    turn: impl Fn(I) -> Result<O, Refusal>,
) -> Result<Vec<O>, Refusal> {
    let numbered = items.unwrap_or_default().into_iter().enumerate();
    numbered
        .map(|(index, item)| turn(item).map_err(|refusal| refusal.at(index.to_string()).at(field)))
        .collect()
}

/// A profile version; the newest revision when none is named.
#[derive(Debug, Clone, InputObject)]
pub struct RevisionInput {
    /// The profile's name.
    pub profile: String,
    /// The version.
    pub version: SemVerText,
    /// The revision.
    pub revision: Option<u32>,
}

impl RevisionInput {
    /// As the engine takes it.
    #[must_use]
    pub fn wish(self) -> RevisionWish {
        RevisionWish { profile: self.profile, version: self.version.0, revision: self.revision }
    }
}

/// An override of one layer: either operations, or the edited text.
#[derive(Debug, Clone, InputObject)]
pub struct OverrideInput {
    /// The layer's name.
    pub layer: String,
    /// Operations on the profile's values.
    pub patch: Option<Vec<PatchOperationInput>>,
    /// The whole edited text of the pending side; what differs from the profile becomes the override. A mask in it means
    /// that the secret is unchanged.
    pub values: Option<String>,
}

impl OverrideInput {
    /// As the engine takes it.
    ///
    /// # Errors
    /// `INVALID_INPUT` unless exactly one of the two ways is taken, or for a wrong path.
    pub fn wish(self) -> Result<OverrideWish, Refusal> {
        let edit = match (self.patch, self.values) {
            (Some(patch), None) => {
                OverrideEdit::Patch(Patch(each("patch", Some(patch), PatchOperationInput::operation)?))
            }
            (None, Some(values)) => OverrideEdit::Values(values),
            _ => {
                return Err(Refusal::new(
                    RefusalCode::InvalidInput,
                    format!("the override of layer `{}` needs either `patch` or `values`", self.layer),
                    "give operations as `patch`, or the whole edited text as `values`",
                ));
            }
        };
        Ok(OverrideWish { layer: self.layer, edit })
    }
}

/// One operation on values.
#[derive(Debug, Clone, OneofObject)]
pub enum PatchOperationInput {
    /// Puts a value at a path.
    Set(SetInput),
    /// Takes a key, or a list item by number, away.
    Remove(RemoveInput),
    /// Puts a new item into a list of named items.
    Insert(InsertInput),
    /// Takes an item of a list of named items away.
    RemoveItem(RemoveItemInput),
    /// Moves an item of a list of named items.
    Move(MoveInput),
}

impl PatchOperationInput {
    fn operation(self) -> Result<PatchOperation, Refusal> {
        Ok(match self {
            Self::Set(set) => PatchOperation::Set { path: path("path", &set.path)?, value: json(set.value) },
            Self::Remove(remove) => PatchOperation::Remove { path: path("path", &remove.path)? },
            Self::Insert(insert) => PatchOperation::Insert {
                list: path("list", &insert.list)?,
                value: json(insert.value),
                key: insert.key,
                before: insert.before.map(ItemKeyInput::key),
            },
            Self::RemoveItem(remove) => {
                PatchOperation::RemoveItem { list: path("list", &remove.list)?, item: remove.item.key() }
            }
            Self::Move(moved) => PatchOperation::Move {
                list: path("list", &moved.list)?,
                item: moved.item.key(),
                before: moved.before.map(ItemKeyInput::key),
            },
        })
    }
}

/// Puts a value at a path, making parent mappings that are missing.
#[derive(Debug, Clone, InputObject)]
pub struct SetInput {
    /// Where, e.g. `spec.containers[name=web].image`.
    pub path: String,
    /// What; null is a value like any other.
    pub value: Option<Json<Value>>,
}

/// Takes a key, or a list item by number, away.
#[derive(Debug, Clone, InputObject)]
pub struct RemoveInput {
    /// What.
    pub path: String,
}

/// Puts a new item into a list of named items.
#[derive(Debug, Clone, InputObject)]
pub struct InsertInput {
    /// The list.
    pub list: String,
    /// The item.
    pub value: Option<Json<Value>>,
    /// The field that tells its items apart; found from the list when left out.
    pub key: Option<String>,
    /// Before which item; at the end when left out.
    pub before: Option<ItemKeyInput>,
}

/// Takes an item of a list of named items away.
#[derive(Debug, Clone, InputObject)]
pub struct RemoveItemInput {
    /// The list.
    pub list: String,
    /// Which item.
    pub item: ItemKeyInput,
}

/// Moves an item of a list of named items.
#[derive(Debug, Clone, InputObject)]
pub struct MoveInput {
    /// The list.
    pub list: String,
    /// Which item.
    pub item: ItemKeyInput,
    /// Before which item; to the end when left out.
    pub before: Option<ItemKeyInput>,
}

/// What identifies an item of a list.
#[derive(Debug, Clone, InputObject)]
pub struct ItemKeyInput {
    /// The field, e.g. `name`.
    pub field: String,
    /// Its value.
    pub value: Json<Value>,
}

impl ItemKeyInput {
    fn key(self) -> ItemKey {
        ItemKey { field: self.field, value: self.value.0 }
    }
}

fn json(value: Option<Json<Value>>) -> Value {
    value.map_or(Value::Null, |json| json.0)
}

fn path(field: &str, text: &str) -> Result<ValuePath, Refusal> {
    text.parse().map_err(|error: strata_model::value_path::InvalidPath| {
        let help = "write it like `a.b[name=web].c`, with keys that hold other signs in quotes";
        Refusal::new(RefusalCode::InvalidInput, error.to_string(), help).at(field)
    })
}

/// A cluster's own value of a variable.
#[derive(Debug, Clone, InputObject)]
pub struct VariableValueInput {
    /// The variable.
    pub name: String,
    /// Its value. A mask means that the secret is unchanged.
    #[graphql(secret)]
    pub value: String,
}

/// The machines of a control plane.
#[derive(Debug, Clone, InputObject)]
pub struct ControlPlaneInput {
    /// How many: 1, 3 or 5.
    pub replicas: u32,
    /// What templates may read; left out, it stays as it is.
    pub attributes: Option<Vec<KeyValue>>,
}

/// A pool of worker machines.
#[derive(Debug, Clone, InputObject)]
pub struct NodePoolInput {
    /// Unique in the cluster.
    pub name: String,
    /// How many.
    pub replicas: u32,
    /// What templates may read; left out, it stays as the pool of this name has it.
    pub attributes: Option<Vec<KeyValue>>,
}

/// What to do where an override and the new revision disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum Resolution {
    /// The cluster's value stays.
    KeepOverride,
    /// The profile's new value wins.
    TakeProfile,
    /// A third value.
    Edit,
}

/// A decision about one merge conflict.
#[derive(Debug, Clone, InputObject)]
pub struct ResolutionInput {
    /// Which layer.
    pub layer: String,
    /// Which path.
    pub path: String,
    /// What to do.
    pub choice: Resolution,
    /// The third value, for EDIT.
    pub value: Option<Json<Value>>,
}

impl ResolutionInput {
    fn resolution(self) -> Result<ConflictResolution, Refusal> {
        let layer: LayerName = self.layer.parse().map_err(|error: strata_model::profile::InvalidName| {
            Refusal::new(RefusalCode::UnknownLayer, error.to_string(), "name a layer of the cluster")
                .at("layer")
        })?;
        let choice = match self.choice {
            Resolution::KeepOverride => ResolutionChoice::KeepOverride,
            Resolution::TakeProfile => ResolutionChoice::TakeProfile,
            Resolution::Edit => ResolutionChoice::Edit { value: json(self.value) },
        };
        Ok(ConflictResolution { layer, path: path("path", &self.path)?, choice })
    }
}

/// A digest that a client sends back.
///
/// # Errors
/// `INVALID_INPUT` for what is no digest.
pub fn digest(field: &str, text: &DigestText) -> Result<Digest, Refusal> {
    text.0.parse().map_err(|error: strata_model::digest::InvalidDigest| {
        let help = "take the digest from an answer of this API, as it is";
        Refusal::new(RefusalCode::InvalidInput, error.to_string(), help).at(field)
    })
}

/// How a change is requested, as the engine takes it.
///
/// # Errors
/// `INVALID_INPUT` for what is no digest.
pub fn options(
    expected_plan_digest: Option<&DigestText>,
    reason: Option<String>,
    idempotency_key: Option<String>,
    apply_when_ready: Option<bool>,
) -> Result<RequestOptions, Refusal> {
    let expected = expected_plan_digest.map(|text| digest("expectedPlanDigest", text)).transpose()?;
    Ok(RequestOptions {
        expected_plan_digest: expected,
        reason: reason.unwrap_or_default(),
        idempotency_key,
        apply_when_ready: apply_when_ready.unwrap_or(false),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(path: &str, value: Value) -> PatchOperationInput {
        PatchOperationInput::Set(SetInput { path: path.to_owned(), value: Some(Json(value)) })
    }

    #[test]
    fn an_override_is_said_in_exactly_one_way() {
        let patch = Some(vec![set("a.b", json!(1))]);
        let input = |patch, values| OverrideInput { layer: "app".to_owned(), patch, values };
        assert!(
            matches!(input(patch.clone(), None).wish().unwrap().edit, OverrideEdit::Patch(p) if p.0.len() == 1)
        );
        assert!(matches!(input(None, Some("a: 1".to_owned())).wish().unwrap().edit, OverrideEdit::Values(_)));
        assert!(input(None, None).wish().is_err());
        assert!(input(patch, Some(String::new())).wish().is_err());
    }

    #[test]
    fn a_wrong_path_is_refused_at_its_place() {
        let input = WishInput {
            cluster: "eu-1".to_owned(),
            overrides: Some(vec![OverrideInput {
                layer: "app".to_owned(),
                patch: Some(vec![set("a", json!(1)), set("a[", json!(1))]),
                values: None,
            }]),
            ..WishInput::default()
        };
        let refusal = input.wish().unwrap_err();
        assert_eq!(refusal.path, ["overrides", "0", "patch", "1", "path"]);
    }

    #[test]
    fn null_is_a_value_like_any_other() {
        let input = PatchOperationInput::Set(SetInput { path: "a".to_owned(), value: None });
        assert!(matches!(input.operation().unwrap(), PatchOperation::Set { value: Value::Null, .. }));
    }
}
