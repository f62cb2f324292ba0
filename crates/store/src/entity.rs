//! Rows as the database keeps them. Nothing of this leaves the crate.

macro_rules! tables {
    ($($module:ident = $table:literal { $($(#[$attribute:meta])* $field:ident : $type:ty,)* })*) => {$(
        pub(crate) mod $module {
            use sea_orm::entity::prelude::*;

            #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
            #[sea_orm(table_name = $table)]
            pub struct Model { $($(#[$attribute])* pub $field: $type,)* }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}
        }
    )*};
}

tables! {
    installation = "installation" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        only_one: i64,
        created_at: i64,
        scheme: i64,
        salt: Vec<u8>,
        root: Vec<u8>,
    }
    project = "project" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        name: String,
        created_at: i64,
    }
    principal = "principal" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        project: Uuid,
        name: String,
        kind: String,
        created_at: i64,
    }
    role_binding = "role_binding" {
        #[sea_orm(primary_key, auto_increment = false)] project: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] principal: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] role: String,
        created_at: i64,
    }
    token = "token" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        project: Uuid,
        principal: Uuid,
        name: String,
        prefix: String,
        hash: Vec<u8>,
        created_at: i64,
        expires_at: Option<i64>,
        revoked_at: Option<i64>,
        last_used: Option<i64>,
    }
    idempotency_key = "idempotency_key" {
        project: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] principal: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] operation: String,
        #[sea_orm(primary_key, auto_increment = false)] key_text: String,
        input: String,
        response: Vec<u8>,
        expires_at: i64,
    }
    blob = "blob" {
        #[sea_orm(primary_key, auto_increment = false)] project: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] digest: String,
        content: Vec<u8>,
        created_at: i64,
    }
    secret = "secret" {
        #[sea_orm(primary_key, auto_increment = false)] project: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] fingerprint: String,
        content: Vec<u8>,
        created_at: i64,
    }
    pack = "pack" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        project: Uuid,
        name: String,
        version: String,
        sort_key: String,
        layer: String,
        display_name: String,
        digest: String,
        blob: String,
        source: String,
        created_at: i64,
    }
    named_macro = "macro" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        project: Uuid,
        name: String,
        content: Vec<u8>,
        digest: String,
        generation: i64,
        updated_at: i64,
        updated_by: String,
    }
    profile = "profile" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        project: Uuid,
        name: String,
        profile_type: String,
        description: String,
        created_at: i64,
    }
    profile_version = "profile_version" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        project: Uuid,
        profile: Uuid,
        version: String,
        version_without_build: String,
        sort_key: String,
        state: String,
        created_at: i64,
    }
    lifecycle = "profile_version_lifecycle" {
        project: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] profile_version: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] seq: i64,
        state: String,
        at: i64,
        actor: String,
        sunset: Option<i64>,
        successor: Option<String>,
        reason: String,
    }
    draft = "draft" {
        #[sea_orm(primary_key, auto_increment = false)] profile_version: Uuid,
        project: Uuid,
        content: Vec<u8>,
        generation: i64,
        updated_at: i64,
        updated_by: String,
    }
    revision = "revision" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        project: Uuid,
        profile_version: Uuid,
        number: i64,
        digest: String,
        content: Vec<u8>,
        created_at: i64,
        created_by: String,
        reason: String,
    }
    profile_use = "profile_use" {
        #[sea_orm(primary_key, auto_increment = false)] profile_version: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] revision: i64,
        #[sea_orm(primary_key, auto_increment = false)] noun: String,
        #[sea_orm(primary_key, auto_increment = false)] name: String,
        #[sea_orm(primary_key, auto_increment = false)] version: String,
        project: Uuid,
    }
    cluster = "cluster" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        project: Uuid,
        name: String,
        phase: String,
        connectivity: String,
        health: String,
        activity: String,
        infrastructure: String,
        management_cluster: Option<Uuid>,
        kubernetes_minor: Option<String>,
        applied: Option<Uuid>,
        wanted: Option<Uuid>,
        deleted: bool,
        created_at: i64,
        seq: i64,
        document: String,
    }
    cluster_label = "cluster_label" {
        #[sea_orm(primary_key, auto_increment = false)] cluster: Uuid,
        project: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] key_text: String,
        value_text: String,
    }
    connection = "connection" {
        #[sea_orm(primary_key, auto_increment = false)] cluster: Uuid,
        project: Uuid,
        content: Vec<u8>,
        updated_at: i64,
    }
    cluster_facts = "cluster_facts" {
        #[sea_orm(primary_key, auto_increment = false)] cluster: Uuid,
        project: Uuid,
        content: Vec<u8>,
        digest: String,
        read_at: i64,
    }
    composition = "composition" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        project: Uuid,
        cluster: Uuid,
        digest: String,
        content: Vec<u8>,
        created_at: i64,
    }
    composition_attachment = "composition_attachment" {
        #[sea_orm(primary_key, auto_increment = false)] composition: Uuid,
        project: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] ordinal: i64,
        profile: Uuid,
        profile_name: String,
        version: String,
        revision: i64,
        content_digest: String,
    }
    composition_macro = "composition_macro" {
        #[sea_orm(primary_key, auto_increment = false)] composition: Uuid,
        project: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] name: String,
        digest: String,
    }
    profile_count = "profile_count" {
        #[sea_orm(primary_key, auto_increment = false)] project: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] profile_name: String,
        #[sea_orm(primary_key, auto_increment = false)] version: String,
        #[sea_orm(primary_key, auto_increment = false)] revision: i64,
        clusters: i64,
    }
    generation_seed = "generation_seed" {
        #[sea_orm(primary_key, auto_increment = false)] cluster: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] layer: String,
        #[sea_orm(primary_key, auto_increment = false)] generation: i64,
        project: Uuid,
        content: Vec<u8>,
        instant: i64,
    }
    plan = "plan" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        project: Uuid,
        cluster: Uuid,
        digest: String,
        from_composition: Option<Uuid>,
        to_composition: Uuid,
        content: Vec<u8>,
        render: String,
        created_at: i64,
        expires_at: i64,
        evidence: Option<Vec<u8>>,
    }
    fleet_preview = "fleet_preview" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        project: Uuid,
        document: String,
        expires_at: i64,
    }
    fleet_preview_member = "fleet_preview_member" {
        #[sea_orm(primary_key, auto_increment = false)] preview: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] effect: String,
        #[sea_orm(primary_key, auto_increment = false)] ordinal: i64,
        project: Uuid,
        document: String,
    }
    inventory = "inventory" {
        #[sea_orm(primary_key, auto_increment = false)] cluster: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] destination: String,
        #[sea_orm(primary_key, auto_increment = false)] api_group: String,
        #[sea_orm(primary_key, auto_increment = false)] kind: String,
        #[sea_orm(primary_key, auto_increment = false)] namespace: String,
        #[sea_orm(primary_key, auto_increment = false)] name: String,
        project: Uuid,
        layer: String,
        digest: String,
        body: Vec<u8>,
        document: String,
    }
    event = "event" {
        #[sea_orm(primary_key, auto_increment = false)] position: i64,
        project: Uuid,
        stream: String,
        subject: Uuid,
        seq: i64,
        event_type: String,
        version: i64,
        at: i64,
        actor: String,
        cause: Option<String>,
        payload: String,
    }
    change = "change" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        project: Uuid,
        cluster: Uuid,
        kind: String,
        state: String,
        holds_cluster: bool,
        running: bool,
        awaits_repave: bool,
        apply_requested: bool,
        approval_expires_at: Option<i64>,
        rollout: Option<Uuid>,
        plan: Uuid,
        created_at: i64,
        state_since: i64,
        seq: i64,
        document: String,
    }
    orphan = "orphan" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        project: Uuid,
        cluster: Uuid,
        state: String,
        layer: String,
        kind: String,
        policy_due: bool,
        since: i64,
        seq: i64,
        document: String,
    }
    rollout = "rollout" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        project: Uuid,
        name: String,
        state: String,
        #[sea_orm(column_name = "final")] is_final: bool,
        profile_name: Option<String>,
        version: Option<String>,
        revision: Option<i64>,
        created_at: i64,
        seq: i64,
        document: String,
    }
    rollout_target = "rollout_target" {
        #[sea_orm(primary_key, auto_increment = false)] rollout: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] cluster: Uuid,
        project: Uuid,
        ordinal: i64,
        stage: i64,
        state: String,
        change: Option<Uuid>,
        document: String,
    }
    lease = "lease" {
        #[sea_orm(primary_key, auto_increment = false)] name: String,
        holder: String,
        epoch: i64,
        expires_at: i64,
    }
}
