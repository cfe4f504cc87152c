//! Links counted by what they have in common: few rows instead of one per kill.

use std::collections::BTreeMap;

use crate::report::{Chain, Link};

/// Root blocker, method and path.
type Key<'l> = (Option<u32>, Option<&'l str>, Option<&'l str>);

/// Counts links by the session at the end and the target of the request; most kills first.
#[must_use]
pub fn count(links: &[Link]) -> Vec<Chain> {
    let mut chains: BTreeMap<Key<'_>, Chain> = BTreeMap::new();
    for link in links {
        let root = link.root_blocker.as_ref();
        let (method, path) = match &link.request {
            Some(request) => (Some(request.method.as_str()), Some(request.path.as_str())),
            None => (None, None),
        };
        let chain = chains.entry((root.map(|root| root.pid), method, path)).or_insert_with(|| Chain {
            kills: 0,
            first: link.kill.time,
            last: link.kill.time,
            method: method.map(str::to_owned),
            path: path.map(str::to_owned),
            backends: 0,
            root_blocker: root.cloned(),
        });
        chain.kills += 1;
        chain.first = chain.first.min(link.kill.time);
        chain.last = chain.last.max(link.kill.time);
        chain.backends += u64::from(link.backend.is_some());
    }
    let mut chains: Vec<Chain> = chains.into_values().collect();
    // Stable: ties stay in order of blocker, method and path.
    chains.sort_by_key(|chain| (std::cmp::Reverse(chain.kills), chain.path.is_none()));
    chains
}
