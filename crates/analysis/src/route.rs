//! Paths without their ids, so that the same endpoint with other records is one route.

/// A path with its numbers replaced, so that `/web/image/res.users/7/avatar_128` and its siblings are one route.
#[must_use]
pub fn route(path: &str) -> String {
    let mut route = String::with_capacity(path.len());
    write_route(path, &mut route);
    route
}

/// The same, written behind what `route` holds.
pub fn write_route(path: &str, route: &mut String) {
    let mut segment = Segment::default();
    // Up to where the path is in the route, and where the segment at hand begins: both at a slash or an end.
    let (mut written, mut start) = (0, 0);
    for (at, byte) in path.bytes().chain([b'/']).enumerate() {
        if byte != b'/' {
            segment.take(byte);
            continue;
        }
        if segment.is_id() {
            route.push_str(path.get(written..start).unwrap_or_default());
            route.push('*');
            written = at;
        }
        segment = Segment::default();
        start = at + 1;
    }
    route.push_str(path.get(written..).unwrap_or_default());
}

/// What was seen of one segment.
#[derive(Default)]
struct Segment {
    digits: u32,
    /// `a` to `f` and hyphens.
    others: u32,
    foreign: bool,
}

impl Segment {
    fn take(&mut self, byte: u8) {
        match byte {
            b'0'..=b'9' => self.digits += 1,
            b'a'..=b'f' | b'A'..=b'F' | b'-' => self.others += 1,
            _ => self.foreign = true,
        }
    }

    /// A number, or a hash with a digit in it.
    fn is_id(&self) -> bool {
        let Segment { digits, others, foreign } = *self;
        !foreign && digits > 0 && (others == 0 || digits + others >= 7)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    #[test]
    fn ids_in_paths_are_one_route() {
        assert_eq!(super::route("/web/image/res.users/7/avatar_128"), "/web/image/res.users/*/avatar_128");
        assert_eq!(super::route("/web/assets/399-0bc5ebb/x.js"), "/web/assets/*/x.js");
        assert_eq!(super::route("7"), "*");
        assert_eq!(super::route("/odoo/7/12/"), "/odoo/*/*/");
        assert_eq!(super::route("/web/cafe12/cafe123"), "/web/cafe12/*");
        assert_eq!(super::route(""), "");
    }

    proptest! {
        /// Segment by segment: each stays, or is a star.
        #[test]
        fn segments_stay_or_are_stars(path in "[0-9a-fx/é-]{0,40}") {
            let route = super::route(&path);
            prop_assert_eq!(path.split('/').count(), route.split('/').count());
            for (was, is) in path.split('/').zip(route.split('/')) {
                let hexadecimal = was.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
                let digits = was.bytes().filter(u8::is_ascii_digit).count();
                let id = hexadecimal && digits > 0 && (digits == was.len() || was.len() >= 7);
                prop_assert_eq!(is, if id { "*" } else { was });
            }
        }
    }
}
