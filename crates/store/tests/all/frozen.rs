//! What is frozen is frozen in the database itself.

use sea_orm::ConnectionTrait;
use strata_model::{access::Actor, composition::Composition, event::AuditEntry};
use strata_store::LifecycleNote;

use crate::{
    fixture::{on_both_databases, registered},
    profile::{content, draft, publish},
};

on_both_databases! {
    /// Plain SQL beside the store cannot change or delete frozen rows either.
    triggers_refuse(database) {
        let store = database.open().await;
        let project = store.installation().default_project;
        let (profile, version) = draft(&store, "web", "1.0.0", &content("a: 1")).await;
        publish(&store, &version).await;
        let pack = crate::profile::pack("hello", "1.0.0");
        let cluster = registered(&store, "a", &[]).await;
        store
            .write(move |tx| {
                Box::pin(async move {
                    let digest = strata_model::digest::Digest::of_content(b"pack");
                    tx.pack_insert(project, &pack, &digest, "test").await?;
                    let composition = crate::profile::composition(&profile, "1.0.0", 1);
                    let composition = Composition {
                        macros: [("team".parse().unwrap(), None)].into(),
                        ..composition
                    };
                    tx.composition_insert(project, cluster.id, &composition).await?;
                    tx.composition_insert(project, cluster.id, &Composition::default()).await?;
                    tx.seed_get_or_create(project, cluster.id, &"app".parse().unwrap(), 0).await?;
                    let entry = AuditEntry {
                        operation: "x".into(),
                        subject: String::new(),
                        outcome: "OK".into(),
                        reason: None,
                    };
                    tx.audit_append(project, &entry, &Actor::system(), None).await
                })
            })
            .await
            .unwrap();
        let shell = database.shell().await;
        for (table, column) in [
            ("revision", "number = number"),
            ("revision", "reason = 'x'"),
            ("pack", "source = 'x'"),
            ("profile_version_lifecycle", "reason = 'x'"),
            ("composition", "digest = digest"),
            ("composition_attachment", "version = 'x'"),
            ("composition_macro", "digest = 'x'"),
            ("event", "event_type = 'x'"),
            ("blob", "created_at = 0"),
            ("generation_seed", "instant = 0"),
        ] {
            let refused = shell.execute_unprepared(&format!("UPDATE {table} SET {column}")).await;
            let message = refused.unwrap_err().to_string();
            assert!(message.contains("frozen"), "{table}: {message}");
        }
        for table in [
            "revision",
            "pack",
            "profile_version_lifecycle",
            "profile_version",
            "composition",
            "composition_attachment",
            "composition_macro",
            "event",
            "blob",
        ] {
            let refused = shell.execute_unprepared(&format!("DELETE FROM {table}")).await;
            let message = refused.unwrap_err().to_string();
            assert!(message.contains("frozen"), "{table}: {message}");
        }
        if !database.is_sqlite() {
            let refused = shell.execute_unprepared("TRUNCATE revision").await;
            assert!(refused.unwrap_err().to_string().contains("frozen"));
        }
        shell.close().await.unwrap();
        let note = LifecycleNote { reason: "old".into(), ..LifecycleNote::default() };
        let (id, state) = (version.id, strata_model::profile::VersionState::Published);
        store
            .write(move |tx| {
                Box::pin(async move {
                    let to = strata_model::profile::VersionState::Deprecated;
                    tx.lifecycle_append(project, id, state, to, &Actor::system(), &note).await
                })
            })
            .await
            .unwrap();
        store.close().await;
    }
}
