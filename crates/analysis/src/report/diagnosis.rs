//! What caused an incident, and what speaks for and against it.

use serde::Serialize;

use super::Reference;

/// How sure a diagnosis is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Certainty {
    Established,
    Probable,
    Ambiguous,
    #[default]
    NotDeterminable,
}

/// Why it happened.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Diagnosis {
    /// How sure.
    pub verdict: Certainty,
    /// Cause id; set only when established or probable.
    pub trigger: Option<&'static str>,
    /// Candidates, heaviest first.
    pub causes: Vec<Cause>,
    /// Files that would decide.
    pub missing: Vec<String>,
}

/// Part a cause played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Role {
    Trigger,
    Mechanism,
    Symptom,
    Amplifier,
    Response,
}

/// One candidate cause.
#[derive(Debug, Clone, Serialize)]
pub struct Cause {
    /// Cause id.
    pub cause: &'static str,
    /// Part it played.
    pub role: Role,
    /// Its weight is that of a probable cause or more; else it was considered and is listed for completeness.
    pub evidenced: bool,
    /// The evidenced cause that explains this one.
    pub explained_by: Option<&'static str>,
    /// Weight of evidence, decibans.
    pub weight_db: f64,
    /// One sentence.
    pub summary: String,
    /// For and against.
    pub evidence: Vec<Evidence>,
    /// Who did it, where known.
    pub culprit: Option<Culprit>,
    /// What to do.
    pub next_step: String,
}

/// The four values of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum EvidenceStatus {
    Present,
    Absent,
    Unknown,
    Contradicted,
}

/// One piece of evidence.
#[derive(Debug, Clone, Serialize)]
pub struct Evidence {
    /// Its value.
    pub status: EvidenceStatus,
    /// One sentence with figures.
    pub statement: String,
    /// Weight, decibans.
    pub weight_db: f64,
    /// Items of one family come from one source and are capped together.
    pub family: &'static str,
    /// Where to look.
    pub refs: Vec<Reference>,
}

/// The session, query, job or endpoint at the root.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Culprit {
    /// PostgreSQL backend.
    pub pid: Option<u32>,
    /// application_name.
    pub application_name: Option<String>,
    /// state.
    pub state: Option<String>,
    /// Its last query, shortened.
    pub query: Option<String>,
    /// Longest time it was seen in that state or transaction, seconds.
    pub age_s: Option<f64>,
    /// Cron job or endpoint.
    pub name: Option<String>,
    /// Where.
    pub reference: Option<Reference>,
}
