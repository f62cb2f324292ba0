//! The operations that the commands send: the files of `graphql/operations/`, embedded.

/// One operation document.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// Its file, without ending.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

macro_rules! operations {
    ($($constant:ident = $file:literal;)*) => {
        $(
            #[doc = concat!("`", $file, ".graphql`")]
            pub const $constant: Operation = Operation {
                name: $file,
                text: include_str!(concat!("../../../graphql/operations/", $file, ".graphql")),
            };
        )*
        /// All of them, for the test that checks them against the schema.
        pub const ALL: &[Operation] = &[$($constant,)*];
    };
}

operations! {
    APPROVAL_WITHDRAW = "approval_withdraw";
    AUDIT_LIST = "audit_list";
    CHANGE_ACKNOWLEDGE = "change_acknowledge";
    CHANGE_APPLY = "change_apply";
    CHANGE_APPROVE = "change_approve";
    CHANGE_CANCEL = "change_cancel";
    CHANGE_LIST = "change_list";
    CHANGE_PLAN = "change_plan";
    CHANGE_PROGRESS = "change_progress";
    CHANGE_REPLAN = "change_replan";
    CHANGE_REQUEST = "change_request";
    CHANGE_RETRY = "change_retry";
    CHANGE_ROLL_BACK = "change_roll_back";
    CHANGE_SHOW = "change_show";
    CLUSTER_DEREGISTER = "cluster_deregister";
    CLUSTER_HISTORY = "cluster_history";
    CLUSTER_LIST = "cluster_list";
    CLUSTER_REGISTER = "cluster_register";
    CLUSTER_SHOW = "cluster_show";
    CLUSTER_UPDATE = "cluster_update";
    EXPLAIN_WAIT = "explain_wait";
    FIELD_TRACE = "field_trace";
    FLEET_PREVIEW_PROGRESS = "fleet_preview_progress";
    FLEET_PREVIEW_SHOW = "fleet_preview_show";
    FLEET_SUMMARY = "fleet_summary";
    MACRO_DELETE = "macro_delete";
    MACRO_LIST = "macro_list";
    MACRO_SET = "macro_set";
    MACRO_SHOW = "macro_show";
    ORPHANS_DELETE = "orphans_delete";
    ORPHANS_KEEP = "orphans_keep";
    ORPHANS_RESTORE = "orphans_restore";
    ORPHANS_SCALE = "orphans_scale";
    OBJECT_MANIFEST = "object_manifest";
    ORPHAN_LIST = "orphan_list";
    OVERRIDES_SET = "overrides_set";
    PACK_LIST = "pack_list";
    PACK_PUBLISH = "pack_publish";
    PACK_SHOW = "pack_show";
    PENDING_REPAVES = "pending_repaves";
    PREVIEW_ORPHAN_CLEANUP = "preview_orphan_cleanup";
    PREVIEW_UPGRADE = "preview_upgrade";
    PRINCIPAL_CREATE = "principal_create";
    PROFILE_ATTACH = "profile_attach";
    PROFILE_COMPARE = "profile_compare";
    PROFILE_CREATE = "profile_create";
    PROFILE_DELETE = "profile_delete";
    PROFILE_DEPRECATE = "profile_deprecate";
    PROFILE_DETACH = "profile_detach";
    PROFILE_DRAFT_UPDATE = "profile_draft_update";
    PROFILE_EXPORT = "profile_export";
    PROFILE_IMPORT = "profile_import";
    PROFILE_LIST = "profile_list";
    PROFILE_PROBLEMS = "profile_problems";
    PROFILE_PUBLISH = "profile_publish";
    PROFILE_REVISE = "profile_revise";
    PROFILE_SHOW = "profile_show";
    PROFILE_VERSION_CREATE = "profile_version_create";
    PROFILE_VERSION_SHOW = "profile_version_show";
    REPAVE_APPROVE = "repave_approve";
    REPAVE_REJECT = "repave_reject";
    ROLE_GRANT = "role_grant";
    ROLLOUT_ABORT = "rollout_abort";
    ROLLOUT_APPROVE_STAGE = "rollout_approve_stage";
    ROLLOUT_CREATE = "rollout_create";
    ROLLOUT_LIST = "rollout_list";
    ROLLOUT_PAUSE = "rollout_pause";
    ROLLOUT_PROGRESS = "rollout_progress";
    ROLLOUT_RESUME = "rollout_resume";
    ROLLOUT_RETRY_TARGETS = "rollout_retry_targets";
    ROLLOUT_ROLL_BACK = "rollout_roll_back";
    ROLLOUT_SHOW = "rollout_show";
    ROLLOUT_SKIP_TARGETS = "rollout_skip_targets";
    ROLLOUT_START = "rollout_start";
    TOKEN_CREATE = "token_create";
    TOKEN_LIST = "token_list";
    TOKEN_REVOKE = "token_revoke";
    VALUE_ORIGINS = "value_origins";
    VARIABLES_SET = "variables_set";
    VIEWER = "viewer";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_embedded() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../graphql/operations");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap().replace(".graphql", ""))
            .collect();
        files.sort_unstable();
        let mut embedded: Vec<&str> = ALL.iter().map(|operation| operation.name).collect();
        embedded.sort_unstable();
        assert_eq!(embedded, files);
    }
}
