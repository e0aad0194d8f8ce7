//! What a failure says about trying again.
//!
//! An error names its [`ErrorClass`]; the class says whether another attempt may help, and how many. An error
//! that is not known to be retryable is not retried (R82).

#[cfg(feature = "http")]
mod http;
mod http_status;
mod io;
mod neo4j_status;
#[cfg(feature = "object_store")]
mod object_store;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "reqwest")]
mod reqwest;
mod retry_after;

#[cfg(feature = "http")]
pub use http::{HttpFailure, http_failure};
pub use http_status::http_status;
pub use neo4j_status::neo4j_status;
pub use retry_after::RetryAfter;

/// The kind of failure that an error is.
///
/// The list is that of requirements R82 and R83; the names are those of `error_class` in telemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
#[repr(u8)]
pub enum ErrorClass {
    /// The connection failed: reset, broken pipe, refused, name not resolved.
    Network,
    /// No answer in time: HTTP 408, or the attempt's own time-out.
    Timeout,
    /// No answer in time from a STAC service.
    StacTimeout,
    /// The service asks for fewer calls: HTTP 429, `SlowDown`.
    RateLimited,
    /// The service is in trouble: HTTP 500 to 504.
    Server,
    /// Neo4j answers with a code `Neo.TransientError.*`.
    Neo4jTransient,
    /// Local input or output failed for now: interrupted, would block, no free descriptor.
    Io,
    /// An implementation of [`Classify`] knows that trying again may help, and no more.
    Transient,
    /// This process refused the call itself: an open breaker, a full bulkhead or a rate limit.
    Overloaded,
    /// The data does not have the form it should have.
    Schema,
    /// A FAIR+CARE rule forbids it.
    Care,
    /// A governance rule forbids it.
    Governance,
    /// The lineage does not match.
    Lineage,
    /// A digest does not match.
    Checksum,
    /// The call would change something immutable.
    Immutable,
    /// The licence forbids it.
    Licence,
    /// The caller has no permission: HTTP 401, 403.
    Denied,
    /// The service understood the request and refused it: another HTTP 4xx, not found, conflict.
    Rejected,
    /// The kind of failure is not known.
    Unknown,
}

impl ErrorClass {
    /// All classes, in the order of their declaration.
    pub const ALL: [Self; 19] = [
        Self::Network,
        Self::Timeout,
        Self::StacTimeout,
        Self::RateLimited,
        Self::Server,
        Self::Neo4jTransient,
        Self::Io,
        Self::Transient,
        Self::Overloaded,
        Self::Schema,
        Self::Care,
        Self::Governance,
        Self::Lineage,
        Self::Checksum,
        Self::Immutable,
        Self::Licence,
        Self::Denied,
        Self::Rejected,
        Self::Unknown,
    ];

    /// Tells whether another attempt may help.
    pub const fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::Network
                | Self::Timeout
                | Self::StacTimeout
                | Self::RateLimited
                | Self::Server
                | Self::Neo4jTransient
                | Self::Io
                | Self::Transient
                | Self::Overloaded
        )
    }

    /// Tells whether a breaker counts it as a failure of the dependency.
    ///
    /// A service that answers 'no' works; one whose failure is not known may not work. A call that this
    /// process refused itself says nothing about the service.
    pub const fn is_failure_of_dependency(self) -> bool {
        (self.is_retryable() && !matches!(self, Self::Overloaded)) || matches!(self, Self::Unknown)
    }

    /// Returns the name in telemetry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Timeout => "timeout",
            Self::StacTimeout => "stac_timeout",
            Self::RateLimited => "rate_limited",
            Self::Server => "server",
            Self::Neo4jTransient => "neo4j_transient",
            Self::Io => "io",
            Self::Transient => "transient",
            Self::Overloaded => "overloaded",
            Self::Schema => "schema",
            Self::Care => "care",
            Self::Governance => "governance",
            Self::Lineage => "lineage",
            Self::Checksum => "checksum",
            Self::Immutable => "immutable",
            Self::Licence => "licence",
            Self::Denied => "denied",
            Self::Rejected => "rejected",
            Self::Unknown => "unknown",
        }
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

impl std::fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What one error says about trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// The kind of failure.
    pub class: ErrorClass,
    /// When the service asks to be called again; `None` if the service did not say.
    pub retry_after: Option<RetryAfter>,
    /// Whether an inner policy has spent its attempts on the error already: then no outer policy tries again
    /// (R83).
    pub spent: bool,
}

impl From<ErrorClass> for Verdict {
    fn from(class: ErrorClass) -> Self {
        Self { class, retry_after: None, spent: false }
    }
}

impl Verdict {
    /// Adds the moment at which the service asks to be called again.
    #[must_use]
    pub fn after(self, retry_after: Option<RetryAfter>) -> Self {
        Self { retry_after, ..self }
    }

    /// Tells whether another attempt may help.
    pub const fn is_retryable(&self) -> bool {
        self.class.is_retryable() && !self.spent
    }
}

/// Says what a failure means for trying again.
///
/// # Laws
/// - **Stable**: the same error has the same verdict at every call.
/// - **Unknown is not transient**: an error that the implementation does not recognise is
///   [`ErrorClass::Unknown`].
///
/// # Implementing
/// Look only at the error: neither log nor wait.
///
/// ```
/// use kfm_retry::{Classify, ErrorClass, Verdict};
///
/// enum TileError { Busy, NoSuchTile, Other(String) }
///
/// impl Classify for TileError {
///     fn classify(&self) -> Verdict {
///         match self {
///             TileError::Busy => ErrorClass::Server.into(),
///             TileError::NoSuchTile => ErrorClass::Rejected.into(),
///             TileError::Other(_) => ErrorClass::Unknown.into(),
///         }
///     }
/// }
/// # assert!(TileError::Busy.classify().is_retryable());
/// # assert!(!TileError::NoSuchTile.classify().is_retryable());
/// # assert!(!TileError::Other("?".into()).classify().is_retryable());
/// ```
pub trait Classify {
    /// Returns the verdict on this error.
    fn classify(&self) -> Verdict;
}

impl<E: Classify + ?Sized> Classify for Box<E> {
    fn classify(&self) -> Verdict {
        (**self).classify()
    }
}

impl<E: Classify + ?Sized> Classify for &E {
    fn classify(&self) -> Verdict {
        (**self).classify()
    }
}

impl Classify for ErrorClass {
    fn classify(&self) -> Verdict {
        (*self).into()
    }
}

/// Returns the class of the first error of the standard library's input and output among the causes of
/// `error`.
#[cfg(any(feature = "object_store", feature = "redis", feature = "reqwest"))]
fn io_cause(error: &(dyn std::error::Error + 'static)) -> Option<ErrorClass> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io.classify().class);
        }
        cause = error.source();
    }
    None
}

/// Judges errors of type `E`, for a policy: by the error's own [`Classify`], or by a function.
///
/// Every `Fn(&E) -> Verdict` is a classifier.
pub trait Classifier<E> {
    /// Returns the verdict on `error`.
    fn verdict(&self, error: &E) -> Verdict;
}

/// Lets each error judge itself, through [`Classify`].
#[derive(Debug, Clone, Copy, Default)]
pub struct BySelf;

impl<E: Classify> Classifier<E> for BySelf {
    fn verdict(&self, error: &E) -> Verdict {
        error.classify()
    }
}

impl<E, F: Fn(&E) -> Verdict> Classifier<E> for F {
    fn verdict(&self, error: &E) -> Verdict {
        self(error)
    }
}
