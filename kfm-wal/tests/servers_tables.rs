//! What a real PostgreSQL and the table in it have to be: flushed, logged, with its key, and the table that
//! the address means.
#![cfg(all(feature = "s3", feature = "azure", feature = "postgres"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]
#![allow(clippy::disallowed_methods, reason = "a test that needs servers is told where they are")]

#[path = "common/server.rs"]
mod server;

use kfm_wal::conformance::record;
use kfm_wal::slots::{Created, Mode, SlotError, SlotLog};
use kfm_wal::{Appended, Lsn, WalError, WalStore};
use server::*;

/// Appends a record through a new handle.
async fn append(place: &(String, Pairs), n: u64) -> Result<Appended, WalError> {
    let (log, _) = SlotLog::open(slots(place), options(Mode::Shared)).await?;
    log.append(&[record(n)], None).await
}

/// The refusal of a store that is asked for a slot.
async fn refused(place: &(String, Pairs)) -> String {
    let refused = slots(place).read(0).await.unwrap_err();
    assert!(matches!(refused, SlotError::Refused { .. }), "{refused:?}");
    said(&refused)
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn a_database_that_forgets_its_commits_is_refused_or_told_not_to() {
    runtime().block_on(async {
        let place = new_database("postgresql").await;
        let name = place.0.rsplit_once('/').unwrap().1.to_owned();
        execute(&place.0, &place.1, &format!("ALTER DATABASE {name} SET synchronous_commit = off")).await;
        // The default of the database does not count. A session that does not accept the setting would be
        // refused.
        append(&place, 1).await.unwrap();
        execute(&place.0, &place.1, "ALTER TABLE kfm_wal SET UNLOGGED").await;
        let said = refused(&place).await;
        assert!(said.contains("table public.kfm_wal is not logged"), "{said}");
    });
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn a_database_that_flushes_nothing_is_refused() {
    let place = new_place("postgresql-forgetful");
    let refused = runtime().block_on(SlotLog::open(slots(&place), options(Mode::Exclusive))).err().unwrap();
    let said = said(&refused);
    assert!(said.contains("does not flush what it commits: fsync=off"), "{said}");
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn a_table_without_its_key_is_refused_by_name_and_nobody_inserts_into_it() {
    runtime().block_on(async {
        let place = new_database("postgresql").await;
        append(&place, 1).await.unwrap();
        let connected = slots(&place);
        let there = connected.last(0).await.unwrap().unwrap();
        // The table as a restore of its rows alone leaves it, and tables with something that only looks like
        // a key.
        for no_key in [
            "ALTER TABLE kfm_wal DROP CONSTRAINT kfm_wal_pkey",
            "CREATE INDEX ON kfm_wal (log, n)",
            "CREATE UNIQUE INDEX ON kfm_wal (log, n, frame)",
            "CREATE UNIQUE INDEX ON kfm_wal (log, n) WHERE n > 7",
            "CREATE UNIQUE INDEX ON kfm_wal (log, (n + 1))",
            "ALTER TABLE kfm_wal ADD CONSTRAINT late UNIQUE (log, n) DEFERRABLE INITIALLY DEFERRED",
        ] {
            execute(&place.0, &place.1, no_key).await;
            let said = refused(&place).await;
            assert!(said.contains("table public.kfm_wal has no unique key on (log, n)"), "{no_key}: {said}");
            // A writer that was connected before cannot insert either.
            let inserted = connected.create(there + 1, "two".into()).await;
            assert!(matches!(inserted, Err(SlotError::Refused { .. })), "{no_key}: {inserted:?}");
        }
        let repeated = connected.create(there, "two".into()).await.unwrap_err();
        assert!(matches!(repeated, SlotError::Refused { .. }), "{repeated:?}");
        let key = "ALTER TABLE kfm_wal DROP CONSTRAINT late;CREATE UNIQUE INDEX ON kfm_wal (n, log) INCLUDE (frame)";
        execute(&place.0, &place.1, key).await;
        assert_eq!(slots(&place).create(there, "two".into()).await.unwrap(), Created::Taken);
        assert_eq!(append(&place, 2).await.unwrap().first, Lsn(2));
    });
}

#[test]
#[ignore = "needs KFM_SERVERS_RUN: .ci/servers"]
fn one_address_is_one_log_whatever_a_users_search_path_is() {
    runtime().block_on(async {
        let place = new_database("postgresql").await;
        let user = format!("user_{}", new_name());
        execute(&place.0, &place.1, &format!("CREATE ROLE {user} SUPERUSER LOGIN PASSWORD 'own'")).await;
        execute(&place.0, &place.1, &format!("CREATE SCHEMA {user}")).await;
        let pairs = [("PGUSER", user.as_str()), ("PGPASSWORD", "own")];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let as_user = (place.0.clone(), pairs.clone());
        // Each user finds another table first: `search_path` begins with the schema of the user's name.
        append(&as_user, 1).await.unwrap();
        assert_eq!(append(&place, 2).await.unwrap().first, Lsn(2));

        // If the meant table is missing, another table that the user has is not taken for it.
        execute(&place.0, &place.1, &format!("ALTER TABLE public.kfm_wal SET SCHEMA {user}")).await;
        let said = refused(&as_user).await;
        assert!(said.contains(&format!("put schema={user} into the address")), "{said}");
        let named = (format!("{}?schema={user}", place.0), pairs);
        assert_eq!(append(&named, 3).await.unwrap().first, Lsn(3));
        let told = slots(&named).server().await.unwrap().unwrap();
        assert!(told.ends_with(&format!(", table {user}.kfm_wal")), "{told}");
    });
}
