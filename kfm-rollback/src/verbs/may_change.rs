//! What refuses a command that changes something before it looks at what is asked for.

use super::Platform;
use super::standing::running;
use crate::error::{Error, Result};
use crate::platform::lock::PlatformLock;
use crate::session::{Session, refuse_hidden_in, refuse_missing};

impl Platform {
    /// Refuses as a command that changes something would be refused at its beginning: a rehearsal asks this first, so that
    /// it says what the command would say. Changes nothing.
    ///
    /// A platform that was opened to rehearse whole commands ([`rehearses`](crate::OpenOptions::rehearses)) also waits for
    /// another process that works here, as long as the options say; a caller that only looks at a change does not wait.
    ///
    /// # Errors
    /// [`Error::Invalid`]: the actor's name has characters that cannot be seen, or the platform was opened without a store
    /// or a check that the log knows. [`Error::Locked`]: another process works here; wait for it.
    pub async fn may_change(&self) -> Result<()> {
        refuse_hidden_in(&self.options().actor)?;
        let rehearses = self.options().rehearses;
        if rehearses {
            PlatformLock::wait_until_free(&self.lock_path(), self.options()).await?;
        }
        let session = Session::read(self).await?;
        // The lock is free: on a log that hosts share it is another host's process that works.
        if rehearses && let Some(other) = running(&session).await? {
            let (doing, by, host, pid) = (other.doing, other.requested_by, other.host, other.pid);
            let holder = format!("{doing} by {by} since {} (host={host} pid={pid})", other.since);
            return Err(Error::Locked { holder });
        }
        refuse_missing(self, &session.history)
    }
}
