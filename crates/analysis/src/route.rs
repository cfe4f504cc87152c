//! Paths without their ids, so that the same endpoint with other records is one route.

/// A path with its numbers replaced, so that `/web/image/res.users/7/avatar_128` and its siblings are one route.
#[must_use]
pub fn route(path: &str) -> String {
    let segment = |segment: &str| {
        let hexadecimal = segment.len() >= 7
            && segment.contains(|c: char| c.is_ascii_digit())
            && segment.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
        if !segment.is_empty() && (segment.bytes().all(|byte| byte.is_ascii_digit()) || hexadecimal) {
            "*".to_owned()
        } else {
            segment.to_owned()
        }
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_in_paths_are_one_route() {
        assert_eq!(super::route("/web/image/res.users/7/avatar_128"), "/web/image/res.users/*/avatar_128");
        assert_eq!(super::route("/web/assets/399-0bc5ebb/x.js"), "/web/assets/*/x.js");
    }
}
