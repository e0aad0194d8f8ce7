//! kfm-telemetry.
