//! Rows that share a candidate, directly or through others: one group can be solved without the rest.

use rustc_hash::FxHashMap;

/// Groups of rows in order of their first row, each in order.
#[must_use]
pub fn connected<E>(edges: &[FxHashMap<usize, E>]) -> Vec<Vec<usize>> {
    let mut owner: FxHashMap<usize, usize> = FxHashMap::default();
    let mut parent: Vec<usize> = (0..edges.len()).collect();
    for (row, candidates) in edges.iter().enumerate() {
        for candidate in candidates.keys() {
            let other = *owner.entry(*candidate).or_insert(row);
            let (a, b) = (root(&mut parent, row), root(&mut parent, other));
            if let Some(slot) = parent.get_mut(a.max(b)) {
                *slot = a.min(b);
            }
        }
    }
    let mut groups: Vec<Vec<usize>> = vec![Vec::new(); edges.len()];
    for row in 0..edges.len() {
        // The root is the group's first row.
        if let Some(group) = groups.get_mut(root(&mut parent, row)) {
            group.push(row);
        }
    }
    groups.retain(|group| !group.is_empty());
    groups
}

fn root(parent: &mut [usize], mut node: usize) -> usize {
    while let Some(up) = parent.get(node).copied().filter(|up| *up != node) {
        let above = parent.get(up).copied().unwrap_or(up);
        if let Some(slot) = parent.get_mut(node) {
            *slot = above;
        }
        node = above;
    }
    node
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_joined_through_others() {
        let row = |candidates: &[usize]| candidates.iter().map(|candidate| (*candidate, ())).collect();
        let edges = [row(&[1]), row(&[5]), row(&[1, 2]), row(&[]), row(&[2])];
        assert_eq!(connected(&edges), [vec![0, 2, 4], vec![1], vec![3]]);
    }
}
