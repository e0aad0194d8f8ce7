//! [`Own`]: what the author of a `kfm` adds to every platform that a command opens.

use std::fmt;
use std::sync::Arc;

use kfm_rollback::{OpenOptions, Platform};

/// What the author of a `kfm` adds to every platform that a command opens: kinds, stores, checks.
#[derive(Clone)]
pub(crate) struct Own {
    options: Arc<dyn Fn(OpenOptions) -> OpenOptions + Send + Sync>,
    platform: Arc<dyn Fn(Platform) -> Platform + Send + Sync>,
}

impl Own {
    /// Takes what is done to the options before a platform is opened, and to the platform after it.
    pub(crate) fn new(
        options: impl Fn(OpenOptions) -> OpenOptions + Send + Sync + 'static,
        platform: impl Fn(Platform) -> Platform + Send + Sync + 'static,
    ) -> Self {
        Self { options: Arc::new(options), platform: Arc::new(platform) }
    }

    /// Returns the options with the author's kinds.
    pub(crate) fn options(&self, options: OpenOptions) -> OpenOptions {
        (self.options)(options)
    }

    /// Returns the platform with the author's stores and checks.
    pub(crate) fn platform(&self, platform: Platform) -> Platform {
        (self.platform)(platform)
    }
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Own")
    }
}
