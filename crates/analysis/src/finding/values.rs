//! The value of an option that is in force: set in a file, printed by the server, or the program's default.

use super::Look;
use super::units::{odoo_boolean, postgres_boolean, postgres_seconds};
use crate::events::Setting;
use crate::read::Input;
use crate::report::Reference;

/// Defaults of `odoo/tools/config.py`, 10 to 19 (formats.md 1.9). Sizes are bytes.
const ODOO_DEFAULTS: &[(&str, &str)] = &[
    ("admin_passwd", "admin"),
    ("db_maxconn", "64"),
    ("gevent_port", "8072"),
    ("http_port", "8069"),
    ("limit_memory_hard", "2684354560"),
    ("limit_memory_soft", "2147483648"),
    ("limit_time_cpu", "60"),
    ("limit_time_real", "120"),
    ("limit_time_real_cron", "-1"),
    ("list_db", "True"),
    ("log_handler", ":INFO"),
    ("log_level", "info"),
    ("max_cron_threads", "2"),
    ("proxy_mode", "False"),
    ("workers", "0"),
];

/// Former names: `odoo.conf` may use either.
const ODOO_FORMER: &[(&str, &str)] = &[("gevent_port", "longpolling_port"), ("http_port", "xmlrpc_port")];

/// Defaults of PostgreSQL that have been the same since version 10.
const POSTGRES_DEFAULTS: &[(&str, &str)] = &[
    ("deadlock_timeout", "1s"),
    ("idle_in_transaction_session_timeout", "0"),
    ("lock_timeout", "0"),
    ("log_destination", "stderr"),
    ("log_line_prefix", "%m [%p] "),
    ("log_lock_waits", "off"),
    ("log_min_duration_statement", "-1"),
    ("max_connections", "100"),
    ("reserved_connections", "0"),
    ("statement_timeout", "0"),
    ("superuser_reserved_connections", "3"),
];

/// A value in force.
#[derive(Debug, Clone)]
pub struct Value {
    /// As written.
    pub text: String,
    /// How a report says it: `limit_time_real = 20`, or that it is the default.
    pub said: String,
    /// The line that sets it; for a default the first setting of the file that does not.
    pub reference: Reference,
    /// No file sets it.
    pub default: bool,
}

impl Value {
    /// As an integer.
    #[must_use]
    pub fn integer(&self) -> Option<i64> {
        self.text.trim().parse().ok()
    }

    /// As an Odoo boolean.
    #[must_use]
    pub fn odoo_boolean(&self) -> Option<bool> {
        odoo_boolean(&self.text)
    }

    /// As a PostgreSQL boolean.
    #[must_use]
    pub fn postgres_boolean(&self) -> Option<bool> {
        postgres_boolean(&self.text)
    }

    /// As a PostgreSQL time, seconds.
    #[must_use]
    pub fn postgres_seconds(&self) -> Option<f64> {
        postgres_seconds(&self.text)
    }
}

fn default_of(table: &[(&'static str, &'static str)], name: &str) -> Option<&'static str> {
    table.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

/// Whether a file was read without a line left over, so that what it does not set is at its default.
fn whole(inputs: &[Input], number: u32) -> bool {
    inputs
        .get(number as usize)
        .is_some_and(|input| input.partial.ledger.skipped() == 0 && input.problems.is_empty())
}

impl Look<'_> {
    fn set(&self, setting: &Setting, name: &str) -> Value {
        Value {
            text: setting.value.clone(),
            said: format!("{name} = {}", setting.value),
            reference: self.line(setting.input, setting.line),
            default: false,
        }
    }

    fn defaulted(&self, first: &Setting, name: &str, value: &str, program: &str) -> Value {
        let reference = self.line(first.input, first.line);
        Value {
            text: value.to_owned(),
            said: format!("{name} is not set ({program}'s default: {value})"),
            reference,
            default: true,
        }
    }

    /// Settings of a program, grouped by file.
    fn files(&self, program: &'static str) -> impl Iterator<Item = &[Setting]> {
        let settings = &self.picture.events.settings;
        settings
            .chunk_by(|a, b| a.input == b.input)
            .filter(move |file| file.first().is_some_and(|setting| setting.program == program))
    }

    /// The value of an Odoo option. `None` without an `odoo.conf`, and where several of them disagree.
    #[must_use]
    pub fn odoo(&self, name: &str) -> Option<Value> {
        let former = default_of(ODOO_FORMER, name);
        let values = self.files("odoo").map(|file| {
            let named = |name: &str| file.iter().rev().find(|setting| setting.name == name);
            let found = named(name).or_else(|| former.and_then(named));
            match found {
                Some(setting) => Some(self.set(setting, &setting.name)),
                None => {
                    let first = file.first()?;
                    whole(self.inputs, first.input)
                        .then(|| default_of(ODOO_DEFAULTS, name))?
                        .map(|value| self.defaulted(first, name, value, "Odoo"))
                }
            }
        });
        agreed(values)
    }

    /// The value of a PostgreSQL option in the sessions of Odoo: set for its role or database, else printed by psql,
    /// else from `postgresql.auto.conf`, else from `postgresql.conf`.
    #[must_use]
    pub fn postgres(&self, name: &str) -> Option<Value> {
        self.of_role(name).or_else(|| self.postgres_server(name))
    }

    /// The value of a PostgreSQL option for the whole server.
    #[must_use]
    pub fn postgres_server(&self, name: &str) -> Option<Value> {
        let settings = &self.picture.events.settings;
        let printed =
            settings.iter().rev().find(|one| one.program == "postgresql session" && one.name == name);
        if let Some(setting) = printed {
            return Some(self.set(setting, name));
        }
        let automatic = |file: &[Setting]| {
            let label = file.first().and_then(|first| self.places.labels.get(first.input as usize));
            label.is_some_and(|label| label.contains("postgresql.auto.conf"))
        };
        let last = |file: &[Setting]| file.iter().rev().find(|setting| setting.name == name).cloned();
        let by_system = self.files("postgresql").filter(|file| automatic(file)).find_map(last);
        if let Some(setting) = by_system {
            return Some(self.set(&setting, name));
        }
        let ordinary = || self.files("postgresql").filter(|file| !automatic(file));
        let mut set = ordinary().filter_map(last).map(|setting| Some(self.set(&setting, name))).peekable();
        if set.peek().is_some() {
            return agreed(set);
        }
        // A file named by an include may set it, unless it is among those read; which it is cannot be told.
        let closed = ordinary().all(|file| {
            file.iter().all(|setting| !setting.name.starts_with("include"))
                && file.first().is_some_and(|first| whole(self.inputs, first.input))
        });
        let first = ordinary().next()?.first()?;
        closed
            .then(|| default_of(POSTGRES_DEFAULTS, name))?
            .map(|value| self.defaulted(first, name, value, "PostgreSQL"))
    }

    /// What `ALTER ROLE … SET` or `ALTER DATABASE … SET` says, as psql printed it.
    fn of_role(&self, name: &str) -> Option<Value> {
        let owners: Vec<String> = ["db_user", "db_name"]
            .iter()
            .filter_map(|option| self.odoo(option))
            .map(|value| value.text)
            .collect();
        let mut values = self.picture.events.settings.iter().filter_map(|setting| {
            let (owner, option) = setting.name.strip_prefix('[')?.split_once("] ")?;
            (setting.program == "postgresql session" && option == name).then_some((owner, setting))
        });
        let (owner, setting) = if owners.is_empty() {
            // Whose sessions are Odoo's is not known: only a value that stands alone will do.
            let only = values.next()?;
            values.next().is_none().then_some(only)?
        } else {
            let found: Vec<_> = values.collect();
            *owners.iter().find_map(|wanted| found.iter().find(|(owner, _)| owner == wanted))?
        };
        Some(self.set(setting, &format!("{owner}: {name}")))
    }
}

/// The value all files agree on.
fn agreed(mut values: impl Iterator<Item = Option<Value>>) -> Option<Value> {
    let first = values.next()??;
    values.all(|value| value.is_some_and(|value| value.text == first.text)).then_some(first)
}
