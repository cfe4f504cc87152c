//! The accept queue is first in, first out, whatever worker wakes (methods 2.3): what that says of who took which request.

/// A request and the moment a worker took it.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// When the worker took it, µs.
    pub accepted_us: i64,
    /// When it joined the queue, µs.
    pub arrived_us: i64,
    /// How far each of the two may be off, µs.
    pub slack_us: (i64, i64),
}

/// How many neighbours in the queue are asked.
const NEIGHBOURS: usize = 8;

/// Requests known to have been taken, in order.
pub struct Queue {
    taken: Vec<Taken>,
}

impl Queue {
    /// Sorts what is known.
    #[must_use]
    pub fn new(mut taken: Vec<Taken>) -> Self {
        taken.sort_unstable_by_key(|request| (request.accepted_us, request.arrived_us));
        Queue { taken }
    }

    /// The span of arrivals that a request taken between these moments can have without overtaking or being overtaken. One
    /// neighbour on each side may be wrong (paired with the wrong line, or held up before it reached the queue).
    #[must_use]
    pub fn arrivals(&self, earliest_us: i64, latest_us: i64) -> (i64, i64) {
        let before = self.taken.partition_point(|request| request.accepted_us < earliest_us);
        let after = self.taken.partition_point(|request| request.accepted_us <= latest_us);
        let latest = |taken: &Taken| taken.arrived_us.saturating_sub(taken.slack_us.1);
        let earliest = |taken: &Taken| taken.arrived_us.saturating_add(taken.slack_us.1);
        let from = self.taken.iter().take(before).rev().take(NEIGHBOURS).map(latest);
        let to = self.taken.iter().skip(after).take(NEIGHBOURS).map(earliest);
        // The second of each, in order.
        let (mut most, mut from_us) = (i64::MIN, i64::MIN);
        from.for_each(|us| (most, from_us) = (most.max(us), from_us.max(most.min(us))));
        let (mut least, mut to_us) = (i64::MAX, i64::MAX);
        to.for_each(|us| (least, to_us) = (least.min(us), to_us.min(least.max(us))));
        (from_us, to_us)
    }
}

/// For each of several requests taken from one queue, the span of arrivals that keeps the order in which they were taken.
/// The set of arrivals is right if the requests are; who had which of them is the question. Spans run to the middle between
/// two arrivals, and leave open what the slack leaves open.
#[must_use]
pub fn spans(requests: &[Taken]) -> Vec<(i64, i64)> {
    let mut arrivals: Vec<(i64, i64)> =
        requests.iter().map(|request| (request.arrived_us, request.slack_us.1)).collect();
    arrivals.sort_unstable();
    let mut starts: Vec<i64> =
        requests.iter().map(|request| request.accepted_us.saturating_add(request.slack_us.0)).collect();
    starts.sort_unstable();
    let mut ends: Vec<i64> =
        requests.iter().map(|request| request.accepted_us.saturating_sub(request.slack_us.0)).collect();
    ends.sort_unstable();
    // The border between the first `count` arrivals and the rest, seen from below or above.
    let border = |count: usize, above: bool| -> Option<i64> {
        let (last, first) = (arrivals.get(count.checked_sub(1)?)?, arrivals.get(count)?);
        let open = last.1.max(first.1);
        Some(if first.0 - last.0 > open {
            last.0.midpoint(first.0)
        } else if above {
            first.0.saturating_sub(open)
        } else {
            last.0.saturating_add(open)
        })
    };
    requests
        .iter()
        .map(|request| {
            let (from, to) = (
                request.accepted_us.saturating_sub(request.slack_us.0),
                request.accepted_us.saturating_add(request.slack_us.0),
            );
            let before = starts.partition_point(|moment| *moment < from);
            let up_to = ends.partition_point(|moment| *moment <= to);
            (border(before, true).unwrap_or(i64::MIN), border(up_to, false).unwrap_or(i64::MAX))
        })
        .collect()
}

/// The heaviest way to give requests to takers so that none overtakes another: for each taker, in the order in which they
/// took, the choices are (place of the request in the order of arrival, weight). Returns the place each one gets. (Heaviest
/// increasing subsequence with a Fenwick tree of prefix maxima, O(choices · log places).)
#[must_use]
pub fn in_order(takers: &[Vec<(usize, i64)>], places: usize) -> Vec<Option<usize>> {
    /// One link of a chain: weight so far, taker, place, link before.
    type Chain = (i64, usize, usize, Option<usize>);
    let mut chains: Vec<Chain> = Vec::new();
    let mut tree: Vec<Option<usize>> = vec![None; places + 1];
    let weight =
        |chains: &[Chain], at: Option<usize>| at.and_then(|at| chains.get(at)).map_or(0, |chain| chain.0);
    for (taker, choices) in takers.iter().enumerate() {
        let known = chains.len();
        for (place, own) in choices {
            // Best chain that ends before this place.
            let (mut best, mut node) = (None, *place);
            while node > 0 {
                let there = tree.get(node).copied().flatten();
                if weight(&chains, there) > weight(&chains, best) {
                    best = there;
                }
                node &= node - 1;
            }
            chains.push((own + weight(&chains, best), taker, *place, best));
        }
        for number in known..chains.len() {
            let Some((total, _, place, _)) = chains.get(number).copied() else { continue };
            let mut node = place + 1;
            while node <= places {
                if let Some(slot) = tree.get_mut(node)
                    && total > weight(&chains, *slot)
                {
                    *slot = Some(number);
                }
                node += node & node.wrapping_neg();
            }
        }
    }
    let heaviest = chains.iter().map(|chain| chain.0).max();
    let mut at = chains.iter().position(|chain| Some(chain.0) == heaviest);
    let mut found = vec![None; takers.len()];
    while let Some((_, taker, place, before)) = at.and_then(|at| chains.get(at)) {
        if let Some(slot) = found.get_mut(*taker) {
            *slot = Some(*place);
        }
        at = *before;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The second latest arrival of those taken before, the second earliest of those taken after.
        #[test]
        fn one_neighbour_on_each_side_may_be_wrong(
            arrivals in proptest::collection::vec(0i64..1000, 0..30), earliest in 0i64..30, length in 0i64..5,
        ) {
            let taken = |(number, arrived_us): (i64, i64)| Taken { accepted_us: number, arrived_us, slack_us: (0, 0) };
            let queue = Queue::new((0..).zip(arrivals.iter().copied()).map(taken).collect());
            let from = usize::try_from(earliest).unwrap().min(arrivals.len());
            let to = usize::try_from(earliest + length + 1).unwrap().min(arrivals.len());
            let mut before: Vec<i64> = arrivals[..from].iter().rev().take(NEIGHBOURS).copied().collect();
            let mut after: Vec<i64> = arrivals[to..].iter().take(NEIGHBOURS).copied().collect();
            before.sort_unstable_by(|a, b| b.cmp(a));
            after.sort_unstable();
            let second = (before.get(1).copied().unwrap_or(i64::MIN), after.get(1).copied().unwrap_or(i64::MAX));
            prop_assert_eq!(queue.arrivals(earliest, earliest + length), second);
        }
    }

    fn taken(accepted_us: i64, arrived_us: i64) -> Taken {
        Taken { accepted_us, arrived_us, slack_us: (20, 5) }
    }

    #[test]
    fn what_was_taken_before_and_after_bounds_the_arrival() {
        let mut known: Vec<Taken> = (1..=20).map(|at| taken(1000 * at, 100 * at)).collect();
        // One that is paired with the wrong line does not count.
        known.push(taken(9_900, 9_000));
        let queue = Queue::new(known);
        assert_eq!(queue.arrivals(10_500, 10_500), (995, 1205));
        assert_eq!(queue.arrivals(500, 500), (i64::MIN, 205));
        assert_eq!(queue.arrivals(30_500, 30_500).1, i64::MAX);
    }

    #[test]
    fn the_first_to_be_taken_was_the_first_to_come() {
        // Taken in the order 1, 0; told the other way round.
        let spans = spans(&[taken(2000, 100), taken(1000, 300)]);
        assert_eq!(spans, [(200, i64::MAX), (i64::MIN, 200)]);
    }

    #[test]
    fn takers_get_requests_in_order() {
        // The second has only one choice; the first must then take the earlier, the third the later.
        let takers = [vec![(0, 10), (1, 10)], vec![(1, 10)], vec![(0, 10), (2, 10)]];
        assert_eq!(in_order(&takers, 3), [Some(0), Some(1), Some(2)]);
        assert_eq!(in_order(&[vec![(1, 5)], vec![(0, 9)]], 2), [None, Some(0)]);
    }

    #[test]
    fn the_same_moment_leaves_the_order_open() {
        let spans = spans(&[taken(1000, 100), taken(1010, 300), taken(5000, 900)]);
        assert_eq!(spans, [(i64::MIN, 600), (i64::MIN, 600), (600, i64::MAX)]);
    }
}
