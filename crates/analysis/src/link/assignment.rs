//! Min-cost assignment (Kuhn 1955, Munkres 1957; the O(n²m) form with potentials) of rows to columns.

/// An edge that may not be used.
pub const FORBIDDEN: i64 = 1 << 40;

/// For each row the column it gets. `cost[row]` has one entry per column; there are at least as many columns as rows, and
/// every row has some column that is not [`FORBIDDEN`] to itself alone, so that a solution exists.
#[must_use]
pub fn solve(cost: &[Vec<i64>]) -> Vec<usize> {
    let rows = cost.len();
    let columns = cost.first().map_or(0, Vec::len);
    let at = |row: usize, column: usize| {
        cost.get(row).and_then(|costs| costs.get(column)).copied().unwrap_or(FORBIDDEN)
    };
    // Row and column 0 stand for "none"; the rest are shifted by one.
    let mut row_potential = vec![0i64; rows + 1];
    let mut column_potential = vec![0i64; columns + 1];
    let mut row_of = vec![0usize; columns + 1];
    for row in 1..=rows {
        let mut way = vec![0usize; columns + 1];
        let mut least = vec![i64::MAX / 4; columns + 1];
        let mut used = vec![false; columns + 1];
        let mut column = 0;
        set(&mut row_of, 0, row);
        loop {
            set(&mut used, column, true);
            let current = get(&row_of, column);
            let (mut delta, mut next) = (i64::MAX / 4, 0);
            for candidate in 1..=columns {
                if get(&used, candidate) {
                    continue;
                }
                let reduced = at(current - 1, candidate - 1)
                    - get(&row_potential, current)
                    - get(&column_potential, candidate);
                if reduced < get(&least, candidate) {
                    set(&mut least, candidate, reduced);
                    set(&mut way, candidate, column);
                }
                if get(&least, candidate) < delta {
                    delta = get(&least, candidate);
                    next = candidate;
                }
            }
            for candidate in 0..=columns {
                if get(&used, candidate) {
                    let owner = get(&row_of, candidate);
                    add(&mut row_potential, owner, delta);
                    add(&mut column_potential, candidate, -delta);
                } else {
                    add(&mut least, candidate, -delta);
                }
            }
            column = next;
            if column == 0 || get(&row_of, column) == 0 {
                break;
            }
        }
        while column != 0 {
            let before = get(&way, column);
            let owner = get(&row_of, before);
            set(&mut row_of, column, owner);
            column = before;
        }
    }
    let mut column_of = vec![0; rows];
    for (column, row) in row_of.iter().enumerate().skip(1) {
        if *row > 0 {
            set(&mut column_of, row - 1, column - 1);
        }
    }
    column_of
}

/// For each row and column how much dearer the cheapest whole becomes at least when the row gets that column instead of its
/// own: 0 for its own. Nothing is picked by chance where this is small elsewhere too.
#[must_use]
pub fn margins(cost: &[Vec<i64>], column_of: &[usize]) -> Vec<Vec<i64>> {
    let rows = cost.len();
    let columns = cost.first().map_or(0, Vec::len);
    let at = |row: usize, column: usize| {
        cost.get(row).and_then(|costs| costs.get(column)).copied().unwrap_or(FORBIDDEN)
    };
    let own = |row: usize| get(column_of, row);
    let mut owner = vec![None; columns];
    for (row, column) in column_of.iter().enumerate() {
        set(&mut owner, *column, Some(row));
    }
    // How much dearer when each row takes the other's column, the shortest way round (Floyd 1962, Warshall 1962).
    let mut moved: Vec<Vec<i64>> = (0..rows)
        .map(|row| {
            (0..rows)
                .map(|other| if row == other { 0 } else { at(row, own(other)) - at(row, own(row)) })
                .collect()
        })
        .collect();
    for middle in 0..rows {
        let through = moved.get(middle).cloned().unwrap_or_default();
        for way in &mut moved {
            let first = get(way, middle);
            if first >= FORBIDDEN / 2 {
                continue;
            }
            for (direct, second) in way.iter_mut().zip(&through) {
                *direct = (*direct).min(first + second);
            }
        }
    }
    let free: Vec<usize> = (0..columns).filter(|column| get(&owner, *column).is_none()).collect();
    // The cheapest way for each row to give its column away, ending at a column nobody has.
    let leave: Vec<i64> = (0..rows)
        .map(|row| free.iter().map(|column| at(row, *column) - at(row, own(row))).min().unwrap_or(FORBIDDEN))
        .collect();
    let give: Vec<i64> = moved
        .iter()
        .map(|way| way.iter().zip(&leave).map(|(way, leave)| way + leave).min().unwrap_or(FORBIDDEN))
        .collect();
    // What others may gain by a column that becomes free.
    let gain: Vec<i64> =
        (0..rows).map(|row| moved.iter().map(|way| get(way, row)).min().unwrap_or(0).min(0)).collect();
    (0..rows)
        .map(|row| {
            (0..columns)
                .map(|column| {
                    let step = at(row, column) - at(row, own(row));
                    match get(&owner, column) {
                        Some(other) if other == row => 0,
                        Some(other) => {
                            let back = moved.get(other).map_or(FORBIDDEN, |way| get(way, row));
                            step + back.min(get(&give, other) + get(&gain, row))
                        }
                        None => step + get(&gain, row),
                    }
                })
                .collect()
        })
        .collect()
}

fn get<T: Copy + Default>(values: &[T], at: usize) -> T {
    values.get(at).copied().unwrap_or_default()
}

fn set<T>(values: &mut [T], at: usize, value: T) {
    if let Some(slot) = values.get_mut(at) {
        *slot = value;
    }
}

fn add(values: &mut [i64], at: usize, difference: i64) {
    if let Some(slot) = values.get_mut(at) {
        *slot += difference;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cheapest_whole_beats_the_cheapest_first() {
        assert_eq!(solve(&[vec![1, 2], vec![1, 9]]), [1, 0]);
        assert_eq!(solve(&[vec![4, 1, 3], vec![2, 0, 5], vec![3, 2, 2]]), [1, 0, 2]);
        assert_eq!(solve(&[vec![FORBIDDEN, 5, 1]]), [2]);
        assert!(solve(&[]).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn no_other_assignment_is_cheaper(costs in proptest::collection::vec(proptest::collection::vec(0i64..50, 4), 1..=4)) {
            let found = solve(&costs);
            let sum: i64 = found.iter().zip(&costs).map(|(column, row)| row[*column]).sum();
            let mut distinct = found.clone();
            distinct.sort_unstable();
            distinct.dedup();
            proptest::prop_assert_eq!(distinct.len(), costs.len());
            fn best(costs: &[Vec<i64>], taken: &mut Vec<usize>) -> i64 {
                let Some((row, rest)) = costs.split_first() else { return 0 };
                (0..row.len())
                    .filter_map(|column| {
                        if taken.contains(&column) {
                            return None;
                        }
                        taken.push(column);
                        let sum = row[column] + best(rest, taken);
                        taken.pop();
                        Some(sum)
                    })
                    .min()
                    .unwrap()
            }
            proptest::prop_assert_eq!(sum, best(&costs, &mut Vec::new()));
            // The margin of every pair: never more than what the best assignment with that pair costs more.
            for (row, margins) in margins(&costs, &found).iter().enumerate() {
                for (column, margin) in margins.iter().enumerate() {
                    let mut forced = costs.clone();
                    for (other, cost) in forced[row].iter_mut().enumerate() {
                        *cost += if other == column { 0 } else { 1000 };
                    }
                    let dearer = best(&forced, &mut Vec::new()) - sum;
                    proptest::prop_assert!(*margin <= dearer && *margin >= 0);
                    proptest::prop_assert!(costs.len() < 4 || *margin == dearer);
                }
            }
        }
    }
}
