//! Leases: one holder at a time, and who was replaced records nothing.

use std::time::Duration;

use strata_store::{Lease, Store, StoreError};

use crate::fixture::on_both_databases;

const TTL: Duration = Duration::from_secs(30);

async fn check(store: &Store, lease: &Lease) -> Result<(), StoreError> {
    let lease = lease.clone();
    store.write(move |tx| Box::pin(async move { tx.lease_check(&lease).await })).await
}

on_both_databases! {
    /// The story of two holders.
    leases_fence(database) {
        let store = database.open().await;
        let first = store.lease_claim("changes", "one", TTL).await.unwrap().unwrap();
        assert_eq!(store.lease_claim("changes", "two", TTL).await.unwrap(), None);
        assert_eq!(store.lease_claim("changes", "one", TTL).await.unwrap().unwrap().epoch, first.epoch);
        check(&store, &first).await.unwrap();

        database.clock.advance(31);
        check(&store, &first).await.unwrap();
        let second = store.lease_claim("changes", "two", TTL).await.unwrap().unwrap();
        assert_eq!(second.epoch, first.epoch + 1);
        assert!(check(&store, &first).await.unwrap_err().is_stale());
        assert!(store.lease_renew(&first, TTL).await.unwrap_err().is_stale());
        let renewed = store.lease_renew(&second, TTL).await.unwrap();
        check(&store, &renewed).await.unwrap();

        // Giving back what another has changes nothing; giving back one's own frees it at once.
        store.lease_release(&first).await.unwrap();
        check(&store, &second).await.unwrap();
        store.lease_release(&second).await.unwrap();
        assert!(check(&store, &second).await.unwrap_err().is_stale());
        let third = store.lease_claim("changes", "one", TTL).await.unwrap().unwrap();
        assert_eq!(third.epoch, second.epoch + 1);
        store.close().await;
    }

    /// Of many who claim at once one gets it.
    one_claimant_wins(database) {
        let store = database.open().await;
        let claims = (0..16).map(|number| {
            let store = store.clone();
            async move { store.lease_claim("rollouts", &format!("holder-{number}"), TTL).await.unwrap() }
        });
        let won = futures::future::join_all(claims).await;
        assert_eq!(won.iter().flatten().count(), 1);
        store.close().await;
    }
}
