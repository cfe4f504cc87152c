//! Parsers for the logs of an Odoo deployment: Odoo, nginx and PostgreSQL, and the carriers and containers in which
//! they arrive.
//!
//! Bytes go in, typed records that borrow from the block come out. Three independent layers nest: a
//! [`container`] (gzip, tar, zip …), a [`carrier`] (journald, syslog, docker, Kubernetes) and a [`mod@format`]. [`block`] cuts a stream at record
//! starts and walks the records; every physical line is accounted for in a [`ledger`]. This crate starts no thread,
//! reads no clock and knows nothing of incidents.

pub mod binary;
pub mod block;
pub mod carrier;
pub mod container;
pub mod detect;
mod eight;
pub mod format;
pub mod ledger;
pub mod line;
pub mod record;
pub mod routes;
pub mod sixteen;
pub mod text;
pub mod timestamp;
