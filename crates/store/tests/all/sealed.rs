//! A canary planted at every entrance is nowhere in the database.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use sha2::Digest as _;
use strata_model::{
    access::{Actor, PrincipalKind},
    composition::Composition,
    digest::{Digest, hex},
    fact::Facts,
    pack::Pack,
    secret::SecretText,
    variable::VariableValue,
};
use strata_store::{IdempotencyKey, IdempotentAnswer};

use crate::{
    fixture::{TestDatabase, on_both_databases, registered},
    fleet::{entry, plan},
    profile::{content, draft, pack, publish},
};

const CANARY: &str = "canary-hunter2-d41d8cd98f00b204";

/// All bytes of the database: its files on SQLite, all rows of all tables as text on PostgreSQL.
async fn everything(database: &TestDatabase) -> Vec<u8> {
    if database.is_sqlite() {
        let mut bytes = Vec::new();
        for file in std::fs::read_dir(database.folder.path()).unwrap() {
            bytes.extend(std::fs::read(file.unwrap().path()).unwrap());
        }
        return bytes;
    }
    let shell: DatabaseConnection = database.shell().await;
    let query = |sql: String| Statement::from_string(DbBackend::Postgres, sql);
    let tables = "SELECT tablename::text AS t FROM pg_tables WHERE schemaname = 'public'";
    let mut bytes = Vec::new();
    for table in shell.query_all_raw(query(tables.to_owned())).await.unwrap() {
        let table: String = table.try_get("", "t").unwrap();
        let rows = shell.query_all_raw(query(format!("SELECT r::text AS t FROM {table} r"))).await.unwrap();
        for row in rows {
            bytes.extend(row.try_get::<String>("", "t").unwrap().into_bytes());
            bytes.push(b'\n');
        }
    }
    shell.close().await.unwrap();
    bytes
}

on_both_databases! {
    /// Neither in the clear nor in base64, hexadecimal, or as a plain hash.
    no_canary_is_found(database) {
        let store = database.open().await;
        let project = store.installation().default_project;
        let cluster = registered(&store, "visible-name", &[]).await;
        let (_, version) = draft(&store, "web", "1.0.0", &content(CANARY)).await;
        publish(&store, &version).await;
        draft(&store, "web", "1.1.0", &content(CANARY)).await;
        let sent = entry(&store, "web", serde_json::json!({"data": {"password": CANARY}}));
        plan(&store, project, cluster.id, CANARY).await;
        let id = cluster.id;
        let (token, seed) = store
            .write(move |tx| {
                Box::pin(async move {
                    let secret = SecretText::new(CANARY);
                    let fingerprint = tx.secret_put(project, &secret).await?;
                    assert_eq!(tx.secret_put(project, &secret).await?, fingerprint);
                    tx.blob_put(project, CANARY.as_bytes()).await?;
                    tx.blob_put(project, CANARY.as_bytes()).await?;
                    let value = VariableValue::Plain(CANARY.to_owned());
                    tx.macro_set(project, &"m".parse().unwrap(), &value, Some(CANARY), None, &Actor::system()).await?;
                    tx.connection_put(project, id, &secret).await?;
                    tx.connection_put(project, id, &secret).await?;
                    let lookups = BTreeMap::from([("v1 Secret a/b".to_owned(), serde_json::json!(CANARY))]);
                    let facts = Facts { lookups, ..Facts::default() };
                    tx.facts_put(project, id, &facts, tx.now()).await?;
                    tx.inventory_put(project, id, &[sent]).await?;
                    let variables = BTreeMap::from([
                        ("plain".to_owned(), VariableValue::Plain(CANARY.to_owned())),
                        ("sensitive".to_owned(), VariableValue::Sensitive(fingerprint)),
                    ]);
                    tx.composition_insert(project, id, &Composition { variables, ..Composition::default() })
                        .await?;
                    let pack = Pack { values: format!("password: {CANARY}"), ..pack("hello", "1.0.0") };
                    tx.pack_insert(project, &pack, &Digest::of_content(b"pack"), "test").await?;
                    let ada = tx.principal_insert(project, "ada", PrincipalKind::Person).await?;
                    let key = IdempotencyKey { principal: ada.id, operation: "x".into(), key: "k".into() };
                    let answer = IdempotentAnswer {
                        input: tx.digest_key().bytes("input", CANARY.as_bytes()),
                        response: serde_json::json!(CANARY),
                        expires_at: tx.now(),
                    };
                    tx.idempotency_put(project, &key, &answer).await?;
                    let layer = "app".parse().unwrap();
                    let seed = tx.seed_get_or_create(project, id, &layer, 0).await?;
                    assert_eq!(tx.seed_get_or_create(project, id, &layer, 0).await?, seed);
                    assert_ne!(tx.seed_get_or_create(project, id, &layer, 1).await?.seed, seed.seed);
                    Ok((tx.token_insert(project, ada.id, "laptop", None).await?, seed))
                })
            })
            .await
            .unwrap();
        // All of it can be read back.
        let scope = store.project(project);
        let fingerprint = SecretText::new(CANARY).fingerprint(store.digest_key());
        assert_eq!(scope.secret_get(&fingerprint).await.unwrap().expose(), CANARY);
        assert_eq!(scope.connection_get(id).await.unwrap().expose(), CANARY);
        assert_eq!(scope.facts_get(id).await.unwrap().unwrap().facts.lookups.len(), 1);
        let facts = scope.facts_of_clusters(&[id]).await.unwrap();
        assert_eq!((facts.len(), facts[0].0), (1, id));
        assert_eq!(scope.inventory_of_clusters(&[id]).await.unwrap().len(), 1);
        assert_eq!(scope.inventory_list(id).await.unwrap()[0].body["data"]["password"], CANARY);
        let digest = store.digest_key().bytes("blob", CANARY.as_bytes());
        assert_eq!(scope.blob_get(&digest).await.unwrap().as_slice(), CANARY.as_bytes());

        // Once beside the journal file of SQLite, and once after it was folded into the database.
        let beside = everything(database).await;
        store.close().await;
        let after = everything(database).await;
        let hash = sha2::Sha256::digest(CANARY.as_bytes());
        // The secret part is base64 of the URL alphabet, which has `_` itself.
        let secret = token.text.expose().splitn(3, '_').nth(2).unwrap().to_owned();
        assert_eq!(secret.len(), 43);
        let hexadecimal = hex(CANARY.as_bytes());
        for bytes in [beside, after] {
            let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
            assert!(holds(b"visible-name"), "what is no secret is found");
            let base64: Vec<String> = (0..3)
                .map(|shift| {
                    let text = STANDARD.encode(format!("{}{CANARY}", "x".repeat(shift)));
                    text[8..text.len() - 8].to_owned()
                })
                .collect();
            let texts = [CANARY, &hexadecimal, &hex(&hash), &STANDARD.encode(hash), &secret];
            for needle in texts.into_iter().chain(base64.iter().map(String::as_str)) {
                assert!(!holds(needle.as_bytes()), "found {needle}");
            }
            for needle in [hash.as_slice(), seed.seed.as_slice()] {
                assert!(!holds(needle) && !holds(hex(needle).as_bytes()), "found raw bytes");
            }
        }
    }

    /// A sealed value that is moved to another row does not open there.
    a_moved_value_does_not_open(database) {
        let store = database.open().await;
        let (one, two) = (registered(&store, "one", &[]).await, registered(&store, "two", &[]).await);
        for (cluster, text) in [(&one, "first"), (&two, "second")] {
            let (project, id) = (cluster.project, cluster.id);
            store
                .write(move |tx| {
                    Box::pin(async move { tx.connection_put(project, id, &SecretText::new(text)).await })
                })
                .await
                .unwrap();
        }
        let project = one.project;
        let shell = database.shell().await;
        let swap = "UPDATE connection SET content = (SELECT content FROM connection ORDER BY cluster LIMIT 1)";
        shell.execute_unprepared(swap).await.unwrap();
        shell.close().await.unwrap();
        let scope = store.project(project);
        let outcomes = [scope.connection_get(one.id).await, scope.connection_get(two.id).await];
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        assert!(outcomes.iter().any(|outcome| matches!(outcome, Err(strata_store::StoreError::Corrupt { .. }))));
        store.close().await;
    }
}
