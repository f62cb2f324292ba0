//! Leases: who does a piece of background work, fenced by an epoch.
//!
//! *Guarantees.* The epoch grows with each new holder, and is never lowered. Whoever records work under a lease checks
//! it in the recording transaction ([`Tx::lease_check`]): a holder that was replaced meanwhile records nothing.

use std::time::Duration;

use jiff::Timestamp;
use sea_orm::{ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter, sea_query::Expr};

use crate::{
    document::instant,
    entity::lease::{Column, Entity, Model},
    error::StoreError,
    store::Store,
    transaction::Tx,
};

/// A lease that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Of what.
    pub name: String,
    /// By whom.
    pub holder: String,
    /// Grows with each new holder.
    pub epoch: i64,
    /// Until when, unless it is renewed.
    pub expires_at: Timestamp,
}

impl Tx {
    /// Claims a lease that is free, has expired, or is held by this very holder (then the epoch stays).
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn lease_claim(
        &self,
        name: &str,
        holder: &str,
        ttl: Duration,
    ) -> Result<Option<Lease>, StoreError> {
        let now = self.now().as_microsecond();
        let expires_at = expiry(now, ttl);
        let epoch = match Entity::find_by_id(name).one(&self.connection).await? {
            None => {
                let row = Model { name: name.to_owned(), holder: holder.to_owned(), epoch: 1, expires_at };
                Entity::insert(row.into_active_model()).exec_without_returning(&self.connection).await?;
                1
            }
            Some(row) if row.holder == holder && row.expires_at > now => {
                self.lease_set(&row, holder, row.epoch, expires_at).await?;
                row.epoch
            }
            Some(row) if row.expires_at <= now || row.holder.is_empty() => {
                self.lease_set(&row, holder, row.epoch + 1, expires_at).await?;
                row.epoch + 1
            }
            Some(_) => return Ok(None),
        };
        let expires_at = instant("lease", expires_at)?;
        Ok(Some(Lease { name: name.to_owned(), holder: holder.to_owned(), epoch, expires_at }))
    }

    async fn lease_set(
        &self,
        row: &Model,
        holder: &str,
        epoch: i64,
        expires_at: i64,
    ) -> Result<(), StoreError> {
        let set = Entity::update_many()
            .col_expr(Column::Holder, Expr::value(holder))
            .col_expr(Column::Epoch, Expr::value(epoch))
            .col_expr(Column::ExpiresAt, Expr::value(expires_at))
            .filter(Column::Name.eq(row.name.as_str()))
            .filter(Column::Epoch.eq(row.epoch))
            .exec(&self.connection)
            .await?;
        if set.rows_affected == 0 { Err(StoreError::stale("lease", &row.name)) } else { Ok(()) }
    }

    /// Holds a lease longer. Works also after it expired, as long as nobody else has claimed it.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when somebody else has it.
    pub async fn lease_renew(&self, lease: &Lease, ttl: Duration) -> Result<Lease, StoreError> {
        let expires_at = expiry(self.now().as_microsecond(), ttl);
        let set = Entity::update_many()
            .col_expr(Column::ExpiresAt, Expr::value(expires_at))
            .filter(held(lease))
            .exec(&self.connection)
            .await?;
        if set.rows_affected == 0 {
            return Err(StoreError::stale("lease", &lease.name));
        }
        Ok(Lease { expires_at: instant("lease", expires_at)?, ..lease.clone() })
    }

    /// Gives a lease back, so that others need not wait for it to expire. Nothing happens when somebody else has it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn lease_release(&self, lease: &Lease) -> Result<(), StoreError> {
        Entity::update_many()
            .col_expr(Column::Holder, Expr::value(""))
            .col_expr(Column::ExpiresAt, Expr::value(0_i64))
            .filter(held(lease))
            .exec(&self.connection)
            .await?;
        Ok(())
    }

    /// Checks, in a transaction that records work, that the lease is still held in its epoch. An expired lease that
    /// nobody claimed is still good: what counts is that no other holder began.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when somebody else has it.
    pub async fn lease_check(&self, lease: &Lease) -> Result<(), StoreError> {
        match Entity::find().filter(held(lease)).one(&self.connection).await? {
            Some(_) => Ok(()),
            None => Err(StoreError::stale("lease", &lease.name)),
        }
    }
}

fn expiry(now: i64, ttl: Duration) -> i64 {
    now.saturating_add(i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX / 4))
}

fn held(lease: &Lease) -> Condition {
    Condition::all()
        .add(Column::Name.eq(lease.name.as_str()))
        .add(Column::Holder.eq(lease.holder.as_str()))
        .add(Column::Epoch.eq(lease.epoch))
}

impl Store {
    /// As [`Tx::lease_claim`], in a write of its own.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn lease_claim(
        &self,
        name: &str,
        holder: &str,
        ttl: Duration,
    ) -> Result<Option<Lease>, StoreError> {
        let (name, holder) = (name.to_owned(), holder.to_owned());
        self.write(move |tx| Box::pin(async move { tx.lease_claim(&name, &holder, ttl).await })).await
    }

    /// As [`Tx::lease_renew`], in a write of its own.
    ///
    /// # Errors
    /// [`StoreError::Stale`], and those of [`Store::write`].
    pub async fn lease_renew(&self, lease: &Lease, ttl: Duration) -> Result<Lease, StoreError> {
        let lease = lease.clone();
        self.write(move |tx| Box::pin(async move { tx.lease_renew(&lease, ttl).await })).await
    }

    /// As [`Tx::lease_release`], in a write of its own.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn lease_release(&self, lease: &Lease) -> Result<(), StoreError> {
        let lease = lease.clone();
        self.write(move |tx| Box::pin(async move { tx.lease_release(&lease).await })).await
    }
}
