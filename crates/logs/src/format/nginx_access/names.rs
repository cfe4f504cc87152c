//! Which variable of nginx a name, a label or a JSON key stands for.

use super::fields::Variable;
use super::log_format::Class;

/// The variable behind a name, and what it prints.
pub(super) fn variable(name: &[u8]) -> (Variable, Class) {
    match name {
        b"time_local" => (Variable::TimeLocal, Class::TimeLocal),
        b"time_iso8601" => (Variable::TimeIso, Class::TimeIso),
        b"msec" => (Variable::Msec, Class::Seconds),
        b"remote_addr" => (Variable::RemoteAddr, Class::Token),
        b"host" => (Variable::Host, Class::Token),
        b"http_host" | b"server_name" => (Variable::ServerName, Class::Token),
        b"request" => (Variable::Request, Class::Text),
        b"request_method" => (Variable::Method, Class::Token),
        b"request_uri" => (Variable::RequestUri, Class::Text),
        b"uri" | b"document_uri" => (Variable::Uri, Class::Text),
        b"status" => (Variable::Status, Class::Status),
        b"body_bytes_sent" => (Variable::Bytes, Class::Number),
        b"bytes_sent" => (Variable::Bytes, Class::Number),
        b"request_length"
        | b"connection_requests"
        | b"pid"
        | b"remote_port"
        | b"server_port"
        | b"content_length" => (Variable::Ignored, Class::Number),
        b"connection_time" => (Variable::Ignored, Class::Seconds),
        b"request_time" => (Variable::RequestTime, Class::Seconds),
        b"upstream_response_time" => (Variable::UpstreamResponseTime, Class::SecondsList),
        b"upstream_connect_time" => (Variable::UpstreamConnectTime, Class::SecondsList),
        b"upstream_header_time"
        | b"upstream_first_byte_time"
        | b"upstream_session_time"
        | b"upstream_queue_time" => (Variable::Ignored, Class::SecondsList),
        b"upstream_status" => (Variable::UpstreamStatus, Class::StatusList),
        b"upstream_addr" => (Variable::UpstreamAddr, Class::AddressList),
        b"upstream_response_length" | b"upstream_bytes_received" | b"upstream_bytes_sent" => {
            (Variable::Ignored, Class::NumberList)
        }
        b"http_user_agent" => (Variable::UserAgent, Class::Text),
        // ingress-nginx has a name of its own.
        b"request_id" | b"req_id" => (Variable::RequestId, Class::Token),
        b"connection" => (Variable::Connection, Class::Number),
        b"pipe" => (Variable::Ignored, Class::Pipe),
        b"scheme" | b"server_protocol" | b"server_addr" | b"hostname" | b"realip_remote_addr" => {
            (Variable::Ignored, Class::Token)
        }
        _ => (Variable::Ignored, Class::Text),
    }
}

/// The variable behind a key of a JSON line whose template is unknown.
pub(super) fn well_known_key(key: &[u8]) -> Variable {
    match key {
        b"time" | b"timestamp" | b"@timestamp" | b"ts" | b"time_iso8601" | b"time_local" | b"date"
        | b"datetime" | b"date_time" | b"local_time" | b"time_stamp" | b"msec" => Variable::AnyTime,
        b"remote_addr" | b"address" | b"client_ip" | b"clientip" | b"remote_ip" => Variable::RemoteAddr,
        b"host" | b"vhost" | b"http_host" => Variable::Host,
        b"server_name" => Variable::ServerName,
        b"request" => Variable::Request,
        b"method" | b"request_method" => Variable::Method,
        b"request_uri" => Variable::RequestUri,
        b"uri" | b"path" | b"url" => Variable::Uri,
        b"status" | b"status_code" | b"http_status" | b"response_code" => Variable::Status,
        b"body_bytes_sent" | b"bytes_sent" | b"bytes" | b"size" => Variable::Bytes,
        _ => label(key),
    }
}

/// How surely a JSON key is an nginx variable, or spelt as in the much copied `log_format` for Logstash: 2 proves the
/// line, 1 are names that other programs use too. A JSON line with a status and a path alone is anybody's.
pub(super) fn nginx_sign(key: &[u8]) -> u32 {
    match key {
        b"body_bytes_sent"
        | b"request_length"
        | b"time_local"
        | b"time_iso8601"
        | b"msec"
        | b"http_referer"
        | b"http_x_forwarded_for"
        | b"upstream_addr"
        | b"upstream_status"
        | b"upstream_response_time"
        | b"upstream_connect_time"
        | b"upstream_header_time"
        | b"upstream_response_length"
        | b"responsetime"
        | b"upstreamtime"
        | b"upstreamhost" => 2,
        b"remote_addr" | b"remote_user" | b"request_uri" | b"request_method" | b"request_time"
        | b"bytes_sent" | b"http_user_agent" | b"server_name" | b"server_protocol" => 1,
        _ => 0,
    }
}

/// The variable behind a label such as `urt=` (formats.md 2.1) or its long name.
pub(super) fn label(key: &[u8]) -> Variable {
    // Every line of a labelled format has the short ones: they are told apart by their letters, the long ones are
    // compared name by name.
    match key {
        [b'r', b't'] => Variable::RequestTime,
        [b'u', b's'] => Variable::UpstreamStatus,
        [b'u', b'a'] => Variable::UpstreamAddr,
        [_, _] => Variable::Ignored,
        [b'u', b'r', b't'] => Variable::UpstreamResponseTime,
        [b'u', b'c', b't'] => Variable::UpstreamConnectTime,
        [b'r', b'i', b'd'] => Variable::RequestId,
        [_, _, _] => Variable::Ignored,
        b"request_time" | b"req_time" | b"resp_time" | b"responsetime" => Variable::RequestTime,
        b"upstream_response_time" | b"upstream_time" | b"upstreamtime" => Variable::UpstreamResponseTime,
        b"upstream_connect_time" => Variable::UpstreamConnectTime,
        b"upstream_status" => Variable::UpstreamStatus,
        b"upstream_addr" | b"upstream" | b"upstreamhost" => Variable::UpstreamAddr,
        b"request_id" | b"req_id" => Variable::RequestId,
        b"conn" | b"connection" => Variable::Connection,
        b"host" | b"vhost" => Variable::Host,
        b"msec" => Variable::Msec,
        b"http_user_agent" | b"user_agent" | b"agent" => Variable::UserAgent,
        _ => Variable::Ignored,
    }
}

/// Variables that hold blanks as a matter of course, so that a blank does not end them.
pub(super) fn is_free_text(name: &[u8]) -> bool {
    matches!(
        name,
        b"request"
            | b"http_user_agent"
            | b"http_x_forwarded_for"
            | b"proxy_add_x_forwarded_for"
            | b"http_cookie"
    )
}
