//! What an API server must do, as cases that run against any: the simulator, and a real kube-apiserver that it is compared
//! with. Give clients without automatic retries: some cases expect 429. Each case works in a namespace of its own and leaves cluster-scoped objects behind under names of its own.

mod apply;
mod custom;
mod errors;
mod fields;
mod kinds;
mod objects;
mod target;
mod workloads;

use std::{future::Future, pin::Pin};

pub use target::Target;

/// What a server must have running for a case to make sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// The API server alone.
    ApiServer,
    /// Its controllers too, and something that runs pods.
    Controllers,
}

/// What a case answers: nothing, or a sentence on what was wrong.
pub type Outcome = Result<(), String>;

type Run = fn(Target) -> Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// One case.
#[derive(Clone, Copy)]
pub struct Case {
    /// A name in words, with dashes.
    pub name: &'static str,
    /// What it needs.
    pub needs: Needs,
    run: Run,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Case").field("name", &self.name).field("needs", &self.needs).finish_non_exhaustive()
    }
}

impl Case {
    /// Runs the case in a new namespace made of `prefix` and the case's place in the table.
    ///
    /// # Errors
    /// A sentence on what the server did differently.
    pub async fn run(&self, client: kube::Client, prefix: &str) -> Outcome {
        let number = cases().iter().position(|case| case.name == self.name).unwrap_or_default();
        let target = Target::prepare(client, format!("{prefix}-{number}")).await?;
        (self.run)(target).await
    }
}

macro_rules! table {
    ($($module:ident { $($needs:ident $function:ident),* $(,)? })*) => {
        /// All cases.
        #[must_use]
        pub fn cases() -> Vec<Case> {
            vec![$($(Case {
                name: stringify!($function),
                needs: Needs::$needs,
                run: |target| Box::pin($module::$function(target)),
            }),*),*]
        }
    };
}

table! {
    objects {
        ApiServer version_and_health, ApiServer figures, ApiServer plain_discovery, ApiServer aggregated_discovery,
        ApiServer create_sets_metadata, ApiServer generate_name, ApiServer get_and_list, ApiServer update_moves_version,
        ApiServer update_without_change_is_quiet, ApiServer generation_counts_spec_only, ApiServer merge_patch,
        ApiServer json_patch, ApiServer strategic_patch, ApiServer label_selectors, ApiServer field_selectors,
        ApiServer paging, ApiServer metadata_only, ApiServer delete_answers, ApiServer delete_preconditions,
        ApiServer finalizers_hold, ApiServer delete_collection, ApiServer dry_run, ApiServer watch_sees_changes,
        ApiServer watch_with_selector, ApiServer watch_initial_events, ApiServer watch_bookmark_at_end,
    }
    errors {
        ApiServer not_found, ApiServer already_exists, ApiServer stale_update, ApiServer missing_namespace,
        ApiServer no_such_path, ApiServer method_not_allowed, ApiServer unsupported_media_type, ApiServer name_required,
        ApiServer bad_name, ApiServer bad_label, ApiServer selector_mismatch, ApiServer containers_required,
        ApiServer selector_immutable, ApiServer config_map_immutable, ApiServer secret_type_immutable,
        ApiServer role_ref_immutable, ApiServer job_template_immutable, ApiServer claim_immutable,
        ApiServer stateful_set_spec_closed, ApiServer wrong_api_version, ApiServer name_mismatch, ApiServer uid_mismatch,
        ApiServer json_patch_test_fails, ApiServer version_on_create, ApiServer malformed_json, ApiServer bad_propagation,
        ApiServer watch_too_old_or_bad, ApiServer uncreated_namespace_of_body,
    }
    apply {
        ApiServer creates_with_201, ApiServer owns_what_it_applies, ApiServer again_changes_nothing, ApiServer update_is_recorded,
        ApiServer conflict_with_update, ApiServer conflict_with_apply, ApiServer several_conflicts, ApiServer force_takes,
        ApiServer same_value_is_shared, ApiServer dropped_field_goes, ApiServer dropped_field_owned_by_other_stays,
        ApiServer dropped_item_goes, ApiServer containers_merge_by_name, ApiServer ports_by_key, ApiServer manager_required,
        ApiServer force_needs_apply, ApiServer managed_fields_refused, ApiServer stale_apply, ApiServer status_is_separate,
        ApiServer yaml_body, ApiServer apply_dry_run, ApiServer scale_owner, ApiServer labels_of_two, ApiServer custom_resource_apply,
        ApiServer wrong_version_applied, ApiServer env_duplicate_refused, ApiServer apply_defaults_back,
        ApiServer bound_to_a_uid, ApiServer bound_to_another_uid, ApiServer bound_to_a_uid_that_is_gone,
    }
    kinds {
        ApiServer deployment_defaults, ApiServer service_defaults, ApiServer secret_string_data, ApiServer job_defaults,
        ApiServer stateful_set_defaults, ApiServer cron_job_defaults, ApiServer claim_defaults, ApiServer scale_get_and_put,
    }
    fields {
        ApiServer undeclared_applied, ApiServer mistyped_applied, ApiServer several_forms_pass, ApiServer undeclared_sent,
        ApiServer mistyped_sent, ApiServer undeclared_custom,
    }
    custom {
        ApiServer custom_resource_life, ApiServer custom_resource_scale, ApiServer custom_resource_validation,
        ApiServer custom_resource_pruning, ApiServer custom_resource_two_versions,
    }
    workloads {
        Controllers deployment_becomes_available, Controllers deployment_rolls, Controllers deletion_cascades,
        Controllers orphans_stay, Controllers namespace_deletion, Controllers job_completes, Controllers stateful_set_runs,
        Controllers daemon_set_runs, Controllers eviction_respects_budget, Controllers default_service_account,
        Controllers job_deletion_orphans_by_default,
    }
}
