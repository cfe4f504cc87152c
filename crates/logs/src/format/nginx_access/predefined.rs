//! The formats that need no configuration: nginx's own, and those of images and charts that are deployed as they come.

use super::combined::COMBINED;
use super::log_format::{Body, Escape, LogFormat};

impl LogFormat {
    /// The formats that need no configuration, the richest first.
    pub(super) fn predefined() -> Vec<LogFormat> {
        const REST_OF_COMBINED: &str = r#"$remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#;
        const OLD_INGRESS: &str = " $request_length $request_time [$proxy_upstream_name] $upstream_addr \
            $upstream_response_length $upstream_response_time $upstream_status $req_id";
        // Nginx Proxy Manager 2, `/etc/nginx/nginx.conf`: its formats `proxy` and `standard`.
        const PROXY_MANAGER: &str = "[$time_local] ";
        const PROXY_MANAGER_REQUEST: &str = r#"$request_method $scheme $host "$request_uri" [Client $remote_addr] [Length $body_bytes_sent] [Gzip $gzip_ratio]"#;
        const AGENT_FIRST: &str = r#" "$http_user_agent" "$http_referer""#;
        const FORWARDED: &str = r#" "$http_x_forwarded_for""#;
        const INGRESS: &str = " $request_length $request_time [$proxy_upstream_name] \
            [$proxy_alternative_upstream_name] $upstream_addr $upstream_response_length $upstream_response_time \
            $upstream_status $req_id";
        let compile =
            |name: &str, parts: &[&str]| LogFormat::compile(name, Escape::Default, &parts.concat()).ok();
        let labelled = compile("labelled", &[COMBINED]).map(|mut format| {
            if let Body::Text { labelled, .. } = &mut format.body {
                *labelled = true;
            }
            format
        });
        let json = LogFormat { name: "json".to_owned(), escape: Escape::Json, body: Body::WellKnownJson };
        [
            Some(json),
            labelled,
            compile("upstreaminfo", &[COMBINED, INGRESS]),
            // ingress-nginx up to 0.20, and with the client twice as its helm chart had it.
            compile("upstreaminfo", &[COMBINED, OLD_INGRESS]),
            compile("upstreaminfo", &["$the_real_ip - [$remote_addr] - ", REST_OF_COMBINED, OLD_INGRESS]),
            compile("upstreaminfo", &["$the_real_ip - [$remote_addr] - ", REST_OF_COMBINED, INGRESS]),
            compile(
                "proxy_manager",
                &[
                    PROXY_MANAGER,
                    &[
                        "$upstream_cache_status $upstream_status $status - ",
                        PROXY_MANAGER_REQUEST,
                        " [Sent-to $upstream_addr]",
                        AGENT_FIRST,
                    ]
                    .concat(),
                ],
            ),
            compile(
                "proxy_manager",
                &[PROXY_MANAGER, &["$status - ", PROXY_MANAGER_REQUEST, AGENT_FIRST].concat()],
            ),
            compile("main_timed", &[COMBINED, FORWARDED, " $request_time $upstream_response_time $pipe"]),
            compile("main_timed", &[COMBINED, FORWARDED, " $request_time $upstream_response_time"]),
            compile("main_timed", &[COMBINED, FORWARDED, " $request_time"]),
            compile("combined_timed", &[COMBINED, " $request_time $upstream_response_time $pipe"]),
            compile("combined_timed", &[COMBINED, " $request_time $upstream_response_time"]),
            compile("combined_timed", &[COMBINED, " $request_time"]),
            compile("vhost", &["$host ", COMBINED, r#" "$upstream_addr""#]),
            compile("main", &[COMBINED, FORWARDED]),
            compile("vhost", &["$host ", COMBINED]),
            compile("combined", &[COMBINED]),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
