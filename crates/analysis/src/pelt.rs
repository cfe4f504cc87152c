//! Change points of a series by PELT: the cheapest split into pieces of constant level, exact, in about linear time
//! (Killick, Fearnhead, Eckley 2012).

/// Longest series that is split; the search is quadratic where nothing changes.
pub const LONGEST: usize = 5000;

/// Where a last piece may begin.
struct Candidate {
    start: usize,
    /// Sums of the values before it, and of their squares.
    sums: (f64, f64),
    /// What the best split of the values before it costs.
    before: f64,
    /// The first end for which it need not be tried any more.
    until: usize,
    /// Of the best split that has this as the beginning of its last piece, for the current end, without penalty.
    cost: f64,
}

impl Candidate {
    fn at(start: usize, sums: (f64, f64), before: f64) -> Self {
        Candidate { start, sums, before, until: usize::MAX, cost: f64::INFINITY }
    }

    /// Squared distance of the values from here up to `end` from their mean; `sums` are those before `end`.
    fn distance(&self, end: usize, sums: (f64, f64)) -> f64 {
        let total = sums.0 - self.sums.0;
        (sums.1 - self.sums.1 - total * total / end.saturating_sub(self.start).max(1) as f64).max(0.0)
    }
}

/// Starts of the pieces, the first one 0. Cost: squared distance from the piece's mean, plus `penalty` a piece; no piece is
/// shorter than `shortest` values.
#[must_use]
pub fn split(values: &[f64], penalty: f64, shortest: usize) -> Vec<usize> {
    let count = values.len().min(LONGEST);
    let shortest = shortest.max(1);
    if count < 2 * shortest {
        return vec![0];
    }
    // Sums up to each end, so that the cost of a piece takes constant time.
    let (mut sum, mut square) = (0.0f64, 0.0f64);
    let sums: Vec<(f64, f64)> = values
        .iter()
        .take(count)
        .map(|value| {
            sum += value;
            square += value * value;
            (sum, square)
        })
        .collect();
    // Where the last piece of the best split of the first so many values begins.
    let mut last_start = vec![0; count + 1];
    let mut candidates = vec![Candidate::at(0, (0.0, 0.0), -penalty)];
    for (end, sums) in (1..).zip(sums).skip(shortest - 1) {
        let (mut least, mut at) = (f64::INFINITY, 0);
        candidates.retain(|candidate| candidate.until > end);
        // They are in order: those that leave no room for a piece are the last ones.
        let room = candidates.partition_point(|candidate| end - candidate.start >= shortest);
        let candidates_now = candidates.get_mut(..room).unwrap_or_default();
        for candidate in &mut *candidates_now {
            candidate.cost = candidate.before + candidate.distance(end, sums);
            let total = candidate.cost + penalty;
            if total < least {
                (least, at) = (total, candidate.start);
            }
        }
        for candidate in candidates_now {
            // A cut here beats it for every later end that leaves room for a piece.
            if candidate.cost > least {
                candidate.until = candidate.until.min(end + shortest);
            }
        }
        if let Some(slot) = last_start.get_mut(end) {
            *slot = at;
        }
        candidates.push(Candidate::at(end, sums, least));
    }
    let mut starts = Vec::new();
    let mut end = count;
    while end > 0 {
        let start = last_start.get(end).copied().unwrap_or(0);
        starts.push(start);
        // Every piece is at least one long, so this ends.
        end = start.min(end - 1);
    }
    starts.reverse();
    starts
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn a_step_is_found_and_noise_is_not() {
        let noise = |at: usize| ((at * 7919) % 13) as f64 / 13.0 - 0.5;
        let flat: Vec<f64> = (0..60).map(noise).collect();
        assert_eq!(split(&flat, 3.0 * 0.1 * 60f64.ln(), 2), vec![0]);
        let step: Vec<f64> = (0..60).map(|at| noise(at) + if at >= 40 { 4.0 } else { 0.0 }).collect();
        assert_eq!(split(&step, 3.0 * 0.1 * 60f64.ln(), 2), vec![0, 40]);
        assert_eq!(split(&[], 1.0, 2), vec![0]);
        assert_eq!(split(&[1.0, 9.0, 1.0], 0.0, 2), vec![0]);
    }

    #[test]
    fn it_is_as_good_as_trying_everything() {
        let values = [1.0, 1.2, 0.9, 5.0, 5.1, 4.8, 5.2, 2.0, 2.1, 1.9, 9.0, 9.3];
        let penalty = 1.5;
        let cost = |piece: &[f64]| {
            let mean = piece.iter().sum::<f64>() / piece.len() as f64;
            piece.iter().map(|value| (value - mean).powi(2)).sum::<f64>()
        };
        let total = |starts: &[usize]| {
            let mut ends = starts[1..].to_vec();
            ends.push(values.len());
            starts.iter().zip(ends).map(|(from, to)| cost(&values[*from..to]) + penalty).sum::<f64>()
        };
        let found = total(&split(&values, penalty, 2));
        let mut least = f64::INFINITY;
        for mask in 0u32..1 << (values.len() - 1) {
            let mut starts = vec![0];
            starts.extend((1..values.len()).filter(|at| mask >> (at - 1) & 1 == 1));
            let mut bounds = starts.clone();
            bounds.push(values.len());
            if bounds.windows(2).all(|pair| pair[1] - pair[0] >= 2) {
                least = least.min(total(&starts));
            }
        }
        assert!((found - least).abs() < 1e-9, "{found} {least}");
    }
}
