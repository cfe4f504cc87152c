//! The database manager with the password it ships with.

use super::{Look, finding};
use crate::report::{Finding, Severity};

/// `database_manager_unprotected`.
pub fn check(look: &Look<'_>) -> Vec<Finding> {
    let (Some(listed), Some(password)) = (look.odoo("list_db"), look.odoo("admin_passwd")) else {
        return Vec::new();
    };
    if listed.odoo_boolean() != Some(true) || password.text != "admin" {
        return Vec::new();
    }
    vec![finding(
        "database_manager_unprotected",
        Severity::Minor,
        "The database manager is open with the default password",
        format!(
            "{}, and admin_passwd is the one Odoo ships with: whoever reaches the port can drop databases.",
            listed.said
        ),
        vec![listed.reference, password.reference],
        "list_db = False",
    )]
}
