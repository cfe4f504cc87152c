//! Limits of Odoo that cannot work as they are set.

use super::{Look, finding};
use crate::report::{Finding, Severity};

/// `limit_time_cpu_above_limit_time_real`, `limit_time_real_zero`.
pub fn check(look: &Look<'_>) -> Vec<Finding> {
    let (Some(cpu), Some(real)) = (look.odoo("limit_time_cpu"), look.odoo("limit_time_real")) else {
        return Vec::new();
    };
    let (Some(cpu_s), Some(real_s)) = (cpu.integer(), real.integer()) else { return Vec::new() };
    if real_s <= 0 && !real.default && look.prefork() == Some(true) {
        return vec![finding(
            "limit_time_real_zero",
            Severity::Major,
            "limit_time_real kills every worker",
            format!(
                "{}: that is no \"unlimited\" but a limit of no time, and the master kills each worker.",
                real.said
            ),
            vec![real.reference],
            "limit_time_real = 120",
        )];
    }
    if cpu_s <= real_s || real_s <= 0 {
        return Vec::new();
    }
    vec![finding(
        "limit_time_cpu_above_limit_time_real",
        Severity::Info,
        "The CPU limit never fires",
        format!(
            "{}, but {}: a request that computes without end is killed by the clock, without the traceback that the \
             CPU limit would log.",
            cpu.said, real.said
        ),
        vec![cpu.reference, real.reference],
        format!("limit_time_cpu = {}", (real_s / 2).max(1)),
    )]
}
