//! The judgement of a report: the policy in force, its rules, and where to look for what they limit.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Reference, Verdict};
use crate::policy::settings::Policy;

/// Where to look first for what a policy limits. `None` or absent: it did not happen, or is not known.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Extremes {
    /// First kill of a worker that serves requests.
    pub kill: Option<Reference>,
    /// The most such kills within 60 s, at the first of them.
    pub kills_per_minute: Option<Extreme>,
    /// First kill of a cron worker.
    pub cron_kill: Option<Reference>,
    /// First request of the http lane with each status from 500 on.
    pub http_failed: BTreeMap<u16, Reference>,
    /// First 5xx of the bus lane.
    pub bus_failed: Option<Reference>,
    /// Oldest running statement in a snapshot, seconds.
    pub oldest_query_s: Option<Extreme>,
    /// Most sessions idle in transaction in a snapshot.
    pub idle_in_transaction: Option<Extreme>,
}

/// The greatest value of a series and where it was seen.
#[derive(Debug, Clone, Serialize)]
pub struct Extreme {
    /// The value.
    pub value: f64,
    /// Where.
    #[serde(rename = "ref")]
    pub reference: Reference,
}

/// The policy the report was judged by.
#[derive(Debug, Clone, Serialize)]
pub struct PolicyInForce {
    /// `built-in`, or the file it was read from.
    pub name: String,
    /// Its settings; a rule that is not set is not judged.
    pub settings: Policy,
}

/// A value that a rule looks at.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A number in the unit of its rule.
    Number(f64),
    /// A word, such as a severity.
    Word(String),
}

/// What a rule's numbers count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Unit {
    Count,
    Ratio,
    Seconds,
    Milliseconds,
    Word,
}

/// How a value must stand to its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Bound {
    AtMost,
    AtLeast,
    Below,
    Is,
}

/// One rule of the policy, judged.
#[derive(Debug, Clone, Serialize)]
pub struct Rule {
    /// Stable id: the rule's name in the policy.
    pub id: String,
    /// What it looks at, in a few words.
    pub title: String,
    /// What it says; `unknown` when the logs do not show enough.
    pub status: Verdict,
    /// What that counts as for the verdict; differs from `status` where the policy says what unknown counts as.
    pub counts_as: Verdict,
    /// Value seen; with status `unknown`, what was seen so far.
    pub value: Option<Value>,
    /// The limit that was broken, or the tightest one kept.
    pub limit: Option<Value>,
    /// How the value must stand to the limit.
    pub bound: Bound,
    /// Unit of value and limit.
    pub unit: Unit,
    /// One sentence.
    pub statement: String,
    /// Where to look.
    pub refs: Vec<Reference>,
}
