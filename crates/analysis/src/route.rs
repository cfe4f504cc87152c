//! Paths without their ids, so that the same endpoint with other records is one route.

/// A path with its numbers replaced, so that `/web/image/res.users/7/avatar_128` and its siblings are one route.
#[must_use]
pub fn route(path: &str) -> String {
    let mut route = String::with_capacity(path.len());
    for (number, segment) in path.split('/').enumerate() {
        if number > 0 {
            route.push('/');
        }
        route.push_str(if is_id(segment) { "*" } else { segment });
    }
    route
}

/// A number, or a hash with a digit in it.
fn is_id(segment: &str) -> bool {
    let mut digits = 0;
    let mut others = 0;
    for byte in segment.bytes() {
        match byte {
            b'0'..=b'9' => digits += 1,
            b'a'..=b'f' | b'A'..=b'F' | b'-' => others += 1,
            _ => return false,
        }
    }
    digits > 0 && (others == 0 || digits + others >= 7)
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_in_paths_are_one_route() {
        assert_eq!(super::route("/web/image/res.users/7/avatar_128"), "/web/image/res.users/*/avatar_128");
        assert_eq!(super::route("/web/assets/399-0bc5ebb/x.js"), "/web/assets/*/x.js");
    }
}
