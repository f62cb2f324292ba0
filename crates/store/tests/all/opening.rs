//! Opening: migrations, locks, keys.

use std::sync::Arc;

use sea_orm::ConnectionTrait;
use strata_store::{
    DatabaseUrl, MigrationMode, Store, StoreError, StoreSettings, migrate_database,
    seal::{MasterKey, SealKeys},
};
use tokio::task::JoinSet;

use crate::fixture::{KEY, TestDatabase, on_both_databases};

on_both_databases! {
    /// Migrating and opening again changes nothing; an unmigrated database is refused by who only checks.
    migrations_are_harmless_twice(database) {
        let url = DatabaseUrl::parse(&database.url).unwrap();
        let checked = migrate_database(&url, MigrationMode::Check).await;
        assert!(matches!(checked, Err(StoreError::Schema { .. })), "{checked:?}");
        let refused = Store::open(StoreSettings { migrations: MigrationMode::Check, ..database.settings() }).await;
        assert!(matches!(refused, Err(StoreError::Schema { .. })));
        migrate_database(&url, MigrationMode::Apply).await.unwrap();
        migrate_database(&url, MigrationMode::Apply).await.unwrap();
        migrate_database(&url, MigrationMode::Check).await.unwrap();
        let settings = StoreSettings { migrations: MigrationMode::Check, ..database.settings() };
        let store = Store::open(settings).await.unwrap();
        let first = store.installation().clone();
        store.close().await;
        let store = database.open().await;
        assert_eq!(store.installation().id, first.id);
        assert_eq!(store.installation().shared_project, first.shared_project);
        assert_eq!(
            store.project_list().await.unwrap().iter().map(|project| project.name.as_str()).collect::<Vec<_>>(),
            ["default", "shared"]
        );
        store.close().await;
    }

    /// A database newer than the binary is refused.
    a_newer_schema_is_refused(database) {
        database.open().await.close().await;
        let shell = database.shell().await;
        shell
            .execute_unprepared("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29990101_000001_later', 0)")
            .await
            .unwrap();
        shell.close().await.unwrap();
        let refused = database.try_open().await;
        assert!(matches!(&refused, Err(StoreError::Schema { reason }) if reason.contains("later")), "{refused:?}");
    }

    /// Another master key is found out at once; a replaced one still opens what it sealed, and digests stay.
    keys_are_checked_and_replaced(database) {
        let store = database.open().await;
        let digest = store.digest_key().bytes("x", b"y");
        store.close().await;
        let with = |keys: SealKeys| StoreSettings { keys, ..database.settings() };
        let new = MasterKey::new([9; 32]);
        let wrong = Store::open(with(SealKeys::new(new.clone()))).await;
        assert!(matches!(wrong, Err(StoreError::WrongKey)), "{wrong:?}");
        let ring = SealKeys::new(new.clone()).with_retired(MasterKey::new(KEY));
        let store = Store::open(with(ring)).await.unwrap();
        assert_eq!(store.digest_key().bytes("x", b"y"), digest);
        store.close().await;
        // The root was sealed anew.
        let store = Store::open(with(SealKeys::new(new))).await.unwrap();
        assert_eq!(store.digest_key().bytes("x", b"y"), digest);
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sqlite_file_has_one_server() {
    let database = TestDatabase::sqlite();
    let store = database.open().await;
    let second = database.try_open().await;
    assert!(matches!(second, Err(StoreError::Locked { .. })), "{second:?}");
    let url = DatabaseUrl::parse(&database.url).unwrap();
    let migrating = migrate_database(&url, MigrationMode::Apply).await;
    assert!(matches!(migrating, Err(StoreError::Locked { .. })));
    // Under another name it is the same file.
    let link = database.folder.path().join("link.db");
    std::os::unix::fs::symlink(database.file(), &link).unwrap();
    let settings = StoreSettings { database: DatabaseUrl::Sqlite(link), ..database.settings() };
    assert!(matches!(Store::open(settings).await, Err(StoreError::Locked { .. })));
    store.close().await;
    database.open().await.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_is_missing_is_said_to_be_unavailable() {
    let database = TestDatabase::sqlite();
    let missing = DatabaseUrl::Sqlite(database.folder.path().join("missing/strata.db"));
    let refused = Store::open(StoreSettings { database: missing, ..database.settings() }).await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn six_servers_open_one_postgres_at_once() {
    let Some(database) = TestDatabase::postgres().await else { return };
    let database = Arc::new(database);
    let mut opens = JoinSet::new();
    for _ in 0..6 {
        let database = Arc::clone(&database);
        opens.spawn(async move { database.try_open().await });
    }
    let mut installations = Vec::new();
    for store in opens.join_all().await {
        let store = store.unwrap();
        installations.push(store.installation().id);
        store.close().await;
    }
    installations.dedup();
    assert_eq!(installations.len(), 1);
    if let Some(database) = Arc::into_inner(database) {
        database.remove().await;
    }
}

#[tokio::test]
async fn an_unreachable_server_is_said_to_be_unavailable() {
    let database = TestDatabase::sqlite();
    let url = DatabaseUrl::parse("postgres://u:hunter2@127.0.0.1:1/strata").unwrap();
    let refused = Store::open(StoreSettings { database: url, ..database.settings() }).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable { .. }));
    assert!(!format!("{refused:?}").contains("hunter2"));
}
