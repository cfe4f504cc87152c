//! Chains of evidence: from a kill to its request, its backend and who held that up.

use serde::Serialize;

use super::{Reference, Time};

/// A chain from a kill.
#[derive(Debug, Clone, Serialize)]
pub struct Link {
    /// The kill.
    pub kill: LinkKill,
    /// The request it ended.
    pub request: Option<LinkRequest>,
    /// Requests it may have ended, when more than one is possible.
    pub candidates: Vec<LinkRequest>,
    /// The backend it used.
    pub backend: Option<LinkBackend>,
    /// The session at the end of the chain of waits.
    pub root_blocker: Option<LinkBlocker>,
    /// `exact`: no other whole fits, or the `candidates` that do are the same failure (target, status, second); `probable`:
    /// the best, but not proven; `set`: one of the candidates.
    pub confidence: &'static str,
    /// Why, in short sentences.
    pub reasons: Vec<String>,
}

/// Kills that ended the same kind of request behind the same session.
#[derive(Debug, Clone, Serialize)]
pub struct Chain {
    /// Kills.
    pub kills: u64,
    /// First of them.
    pub first: Time,
    /// Last of them.
    pub last: Time,
    /// Method of the request; null where it is not known which request it was.
    pub method: Option<String>,
    /// Path of the request.
    pub path: Option<String>,
    /// Kills of which the backend is known.
    pub backends: u64,
    /// The session that all of these backends waited for.
    pub root_blocker: Option<LinkBlocker>,
}

/// A kill in a link.
#[derive(Debug, Clone, Serialize)]
pub struct LinkKill {
    /// When.
    pub time: Time,
    /// Worker.
    pub pid: u32,
    /// Worker class.
    pub class: String,
    /// Where.
    #[serde(rename = "ref")]
    pub reference: Reference,
}

/// A request in a link.
#[derive(Debug, Clone, Serialize)]
pub struct LinkRequest {
    /// End as nginx logged it.
    pub end: Time,
    /// Method.
    pub method: String,
    /// Target.
    pub path: String,
    /// Status.
    pub status: u16,
    /// Where.
    #[serde(rename = "ref")]
    pub reference: Reference,
}

/// A backend in a link.
#[derive(Debug, Clone, Serialize)]
pub struct LinkBackend {
    /// Backend.
    pub pid: u32,
    /// Query.
    pub query: Option<String>,
    /// Where.
    #[serde(rename = "ref")]
    pub reference: Reference,
}

/// A root blocker in a link.
#[derive(Debug, Clone, Serialize)]
pub struct LinkBlocker {
    /// Backend.
    pub pid: u32,
    /// application_name.
    pub application_name: Option<String>,
    /// state.
    pub state: Option<String>,
    /// Where.
    #[serde(rename = "ref")]
    pub reference: Reference,
}
