//! The soft memory limit recycles a worker after its request; it has to come before the hard one, which fails it.

use super::{Look, finding};
use crate::report::{Finding, Severity};

/// `limit_memory_soft_above_hard`.
pub fn check(look: &Look<'_>) -> Vec<Finding> {
    let (Some(soft), Some(hard)) = (look.odoo("limit_memory_soft"), look.odoo("limit_memory_hard")) else {
        return Vec::new();
    };
    // 0 means no limit.
    let (Some(soft_bytes), Some(hard_bytes)) =
        (soft.integer().filter(|bytes| *bytes > 0), hard.integer().filter(|bytes| *bytes > 0))
    else {
        return Vec::new();
    };
    if soft_bytes < hard_bytes {
        return Vec::new();
    }
    vec![finding(
        "limit_memory_soft_above_hard",
        Severity::Minor,
        "The soft memory limit never fires",
        format!(
            "{}, but {}: requests fail with MemoryError instead of the worker being recycled after one.",
            soft.said, hard.said
        ),
        vec![soft.reference, hard.reference],
        format!("limit_memory_hard = {}", soft_bytes.saturating_add(soft_bytes / 4)),
    )]
}
