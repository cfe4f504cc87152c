//! Whether the access log says how long requests took, and how long at Odoo.

use stormtrace_logs::format::Source;

use super::{Look, finding};
use crate::events::{Access, Lane};
use crate::report::{Finding, Reference, Severity};

/// A format with all that this program uses.
const FORMAT: &str = "log_format timed '$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" \"$http_user_agent\" rt=$request_time uct=\"$upstream_connect_time\" urt=\"$upstream_response_time\" ua=\"$upstream_addr\" us=\"$upstream_status\"';\naccess_log /var/log/nginx/access.log timed;";

/// `request_time_not_logged`, `upstream_time_not_logged`. Judged by the lines themselves: what they hold was logged,
/// whatever the configuration says.
pub fn check(look: &Look<'_>) -> Vec<Finding> {
    let access = &look.picture.events.access;
    let Some(first) = access.first() else { return Vec::new() };
    let captured = look.inputs.iter().any(|input| input.source == Some(Source::NginxAccess));
    if captured && !access.iter().any(|one| one.request_time_us.get().is_some()) {
        return vec![finding(
            "request_time_not_logged",
            Severity::Info,
            "The access log holds no $request_time",
            "Latency, requests in flight, queueing and the exact onset cannot be told.".to_owned(),
            places(look, first),
            FORMAT,
        )];
    }
    let asked = |one: &&Access| one.lane == Lane::Http && one.status != 499;
    let silent =
        |one: &Access| one.upstream_us.get().is_none() && one.upstream_status == 0 && one.upstream_port == 0;
    let Some(first) = access.iter().find(asked) else { return Vec::new() };
    if !captured || !access.iter().all(silent) {
        return Vec::new();
    }
    vec![finding(
        "upstream_time_not_logged",
        Severity::Info,
        "The access log holds no $upstream_response_time",
        "What nginx itself answered, retries, and the time at Odoo apart from the client's cannot be told."
            .to_owned(),
        places(look, first),
        FORMAT,
    )]
}

/// The `access_log` lines, then a line of the log itself.
fn places(look: &Look<'_>, line: &Access) -> Vec<Reference> {
    let mut refs: Vec<Reference> =
        look.nginx.directives("access_log").map(|setting| look.line(setting.input, setting.line)).collect();
    refs.push(look.places.reference(line.input, line.line, line.end_us));
    refs
}
