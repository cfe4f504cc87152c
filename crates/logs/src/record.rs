//! The typed records that formats yield. Everything borrows from the block that was read.
//!
//! Text is bytes (`&[u8]`): logs are not always UTF-8. Use [`text`] for display. Durations carry their unit in the
//! name (`_us`, `_s`).

use std::borrow::Cow;

use crate::timestamp::Stamp;

/// Lossy text of log bytes, for display only.
#[must_use]
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// One record of any format.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Record<'a> {
    /// Odoo's log.
    Odoo(OdooRecord<'a>),
    /// A request as a front end saw it.
    Access(AccessRecord<'a>),
    /// nginx error log.
    NginxError(NginxErrorRecord<'a>),
    /// PostgreSQL server log.
    Postgres(PostgresRecord<'a>),
    /// One snapshot of `pg_stat_activity`, in whatever shape.
    Activity(ActivitySnapshot<'a>),
    /// One row of `pg_stat_statements`.
    Statement(StatementStatistics<'a>),
    /// One sample of the host.
    Host(HostSample),
    /// Several samples of the host in one record, such as an answer of Prometheus.
    Hosts(Vec<HostSample>),
    /// One answer to an outside probe.
    Probe(ProbeResult<'a>),
    /// A kernel message.
    Kernel(KernelRecord<'a>),
    /// Settings read from a configuration file or from `SHOW`.
    Settings(Vec<Setting>),
    /// A line that belongs to the format but carries no data (header, ruler, comment, blank).
    Structure,
}

/// Severity as Odoo writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Level {
    Debug,
    Info,
    Warning,
    Error,
    Critical,
}

/// One record of Odoo's log (`odoo/netsvc.py`, 10.0 to 20.0).
#[derive(Debug, Clone)]
pub struct OdooRecord<'a> {
    /// UTC; `odoo` forces TZ=UTC.
    pub stamp: Stamp,
    /// Process that wrote the record.
    pub pid: u32,
    /// Severity.
    pub level: Level,
    /// Database, or `?`, or `None`.
    pub database: &'a [u8],
    /// Logger name, such as `odoo.service.server`.
    pub logger: &'a [u8],
    /// Message: first line, trailing blanks and perf_info removed.
    pub message: &'a [u8],
    /// The lines after the first (traceback, SQL), empty if none.
    pub detail: &'a [u8],
    /// What it means.
    pub event: OdooEvent<'a>,
    /// The exception that ends the record's traceback or message, if one is known to matter.
    pub exception: Option<Exception>,
}

/// What an Odoo record says (formats.md 1.3, 1.4, 1.7).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum OdooEvent<'a> {
    /// A request answered by an HTTP worker (logger `werkzeug`; 20.0 `odoo.http.server`).
    Request(WorkerRequest<'a>),
    /// A request answered by the evented process (logger `longpolling`).
    EventedRequest {
        /// HTTP method.
        method: &'a [u8],
        /// Request target with query.
        path: &'a [u8],
        /// HTTP status.
        status: u16,
        /// Life of the request, µs; `None` when printed as `-`.
        duration_us: Option<i64>,
    },
    /// `WorkerHTTP (P) timeout after Ns`, written by the master.
    WorkerTimeout {
        /// Worker class, such as `WorkerHTTP`.
        class: &'a [u8],
        /// The killed worker.
        pid: u32,
        /// The limit in force, seconds.
        limit_s: u32,
    },
    /// `Thread <…> virtual real time limit (E/Ns) reached.` (threaded mode).
    ThreadTimeout {
        /// Thread name as printed.
        thread: &'a [u8],
        /// Elapsed seconds.
        elapsed_s: u32,
        /// Limit in seconds.
        limit_s: u32,
    },
    /// `Worker (P) CPU time limit (N) reached.`
    CpuLimit {
        /// The worker.
        pid: u32,
        /// limit_time_cpu, seconds.
        limit_s: u32,
    },
    /// `Worker (P) virtual memory limit (BYTES) reached.` (soft limit; the worker recycles).
    MemorySoft {
        /// The worker.
        pid: u32,
        /// Virtual memory size, bytes.
        bytes: u64,
    },
    /// `LongPolling|Gevent virtual memory limit reached: BYTES`.
    EventedMemory {
        /// Bytes.
        bytes: u64,
    },
    /// `Server memory limit (BYTES) reached.` (threaded mode).
    ServerMemory {
        /// Bytes.
        bytes: u64,
    },
    /// `Worker (P) max request (N) reached.` (benign recycling).
    MaxRequests {
        /// The worker.
        pid: u32,
    },
    /// `WorkerCron (P) max age (Ns) reached.`
    MaxAge {
        /// The worker.
        pid: u32,
    },
    /// `Worker WorkerHTTP (P) alive`.
    WorkerAlive {
        /// Worker class.
        class: &'a [u8],
        /// The new worker.
        pid: u32,
    },
    /// `Worker (P) exiting. request_count: R, registry count: G.`
    WorkerExiting {
        /// The worker.
        pid: u32,
        /// Requests served in its life.
        request_count: u64,
    },
    /// `Worker (P) Exception occured|occurred, exiting...`
    WorkerException {
        /// The worker.
        pid: u32,
    },
    /// `Worker (P) Parent changed`, `Gevent Parent changed: P`, `LongPolling Parent changed`.
    ParentChanged,
    /// `Critial worker error (P)` (sic).
    CriticalWorkerError {
        /// The worker.
        pid: u32,
    },
    /// `Odoo version V` (printed by the master and again by the evented child).
    Banner {
        /// Version text, such as `17.0`.
        version: &'a [u8],
    },
    /// `HTTP service (werkzeug) running on H:P`.
    HttpServiceRunning,
    /// `Evented Service (longpolling) running on H:P`.
    EventedServiceRunning,
    /// `Evented Service (longpolling): uncaught error during main loop`.
    EventedServiceError,
    /// `Stopping gracefully`, `Stopping workers gracefully`, `Initiating shutdown`.
    Stopping,
    /// `Stopping forcefully`, `Forced shutdown.`
    StoppingForcefully,
    /// `Reloading server`, `Initiating server reload`.
    Reloading,
    /// `Modules loaded.` / `Registry loaded in S.SSSs`.
    RegistryLoaded {
        /// Seconds in µs, where printed.
        duration_us: Option<i64>,
    },
    /// Registry reloaded or caches invalidated after database signaling.
    CacheInvalidated,
    /// `Starting job …`, `Job '…' (ID) starting`, `Manually starting job …`.
    CronStart {
        /// Job name.
        job: &'a [u8],
    },
    /// `Job … done`, `Job done: …`, `Job '…' (ID) done|completed|fully done|partially done|failed …`.
    CronEnd {
        /// Job name.
        job: &'a [u8],
        /// Printed run time, µs.
        duration_us: Option<i64>,
    },
    /// `Call from cron …`, `… server action #A failed`, `… timed out`, `Exception in cron:`.
    CronFailed,
    /// `ConnectionPool(…): Free leaked connection|Closed N connections`.
    ConnectionPool,
    /// `Connection to the database failed`.
    DatabaseConnectionFailed,
    /// `bad query: SQL` with the server's error.
    BadQuery {
        /// The SQL, first lines.
        query: &'a [u8],
    },
    /// `SERIALIZATION_FAILURE, …retry…` and its kin.
    Retry {
        /// First word, such as `SERIALIZATION_FAILURE`.
        error: &'a [u8],
        /// No tries are left.
        exhausted: bool,
    },
    /// `Exception during (JSON) request handling.`, `Error on request:` …
    RequestException,
    /// `Bus.loop listen imbus on db …`.
    BusListen,
    /// `Bus.loop error, sleep and retry`.
    BusError,
    /// A websocket or bus request reached an HTTP worker (`bus.Bus unavailable`, `Couldn't bind the websocket`).
    BusMisrouted,
    /// `Exception occurred during websocket request handling`, websocket callback errors.
    WebsocketError,
    /// `Failed to load registry`, `Failed to initialize database`, `Database or registry unusable`.
    RegistryFailed,
    /// queue_job: `state of job … was reset from enqueued to pending` (all HTTP workers busy).
    QueueJobReset,
    /// A slow client (`Request timed out: …`), a client that went away.
    ClientGone,
    /// `Generating nondb routing`.
    NonDatabaseRouting,
    /// Anything else.
    Other,
}

/// One request as an HTTP worker logged it.
#[derive(Debug, Clone)]
pub struct WorkerRequest<'a> {
    /// Peer address.
    pub address: &'a [u8],
    /// HTTP method.
    pub method: &'a [u8],
    /// Request target with query; Odoo 19's `#model.method` suffix is kept apart.
    pub path: &'a [u8],
    /// `model.method` that Odoo 19 appends.
    pub model_method: Option<&'a [u8]>,
    /// HTTP status.
    pub status: u16,
    /// Number of SQL queries.
    pub query_count: Option<u32>,
    /// Time inside cursor `execute`, µs.
    pub query_time_us: Option<i64>,
    /// Wall time minus query time, µs.
    pub remaining_time_us: Option<i64>,
}

/// Exceptions that decide something (formats.md 1.7, "Exception tails").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Exception {
    /// `PoolError: The Connection Pool Is Full`, `Failed to acquire cursor after N retries`.
    PoolFull,
    /// `sorry, too many clients already`, `remaining connection slots are reserved`.
    TooManyClients,
    /// could not serialize access.
    SerializationFailure,
    /// lock not available: NOWAIT or lock_timeout.
    LockNotAvailable,
    /// deadlock detected.
    DeadlockDetected,
    /// canceling statement due to statement timeout.
    StatementTimeout,
    /// canceling statement due to user request.
    QueryCanceled,
    /// terminating connection due to administrator command.
    AdminShutdown,
    /// terminating connection due to idle-in-transaction timeout.
    IdleInTransactionTimeout,
    /// server closed the connection unexpectedly, connection already closed, cursor already closed.
    ConnectionClosed,
    /// connection refused or failed.
    ConnectionFailed,
    /// MemoryError.
    MemoryError,
    /// CPU time limit exceeded.
    CpuTimeLimit,
    /// A call to an outside service timed out or failed (requests, urllib3, smtplib, socket).
    ExternalCall,
    /// Any other exception.
    Other,
}

/// One request as a front end logged it. The words are nginx's; the other front ends' readers say how theirs map.
#[derive(Debug, Clone, Default)]
pub struct AccessRecord<'a> {
    /// When the request ended. A front end that stamps the beginning without a duration: the beginning.
    pub end: Option<Stamp>,
    /// `$remote_addr`.
    pub remote_addr: &'a [u8],
    /// `$host` where logged.
    pub host: &'a [u8],
    /// HTTP method; empty for garbage requests.
    pub method: &'a [u8],
    /// Request target with query; empty for garbage requests.
    pub path: &'a [u8],
    /// `$status`, what the client got; 0 if nothing was sent.
    pub status: u16,
    /// `$body_bytes_sent` or `$bytes_sent`.
    pub bytes_sent: Option<u64>,
    /// `$request_time`, µs.
    pub request_time_us: Option<i64>,
    /// `$upstream_response_time`, all attempts added up, µs; `None` when absent, `-` or not logged.
    pub upstream_response_time_us: Option<i64>,
    /// `$upstream_connect_time`: like above.
    pub upstream_connect_time_us: Option<i64>,
    /// `$upstream_connect_time` was logged and is `-`: the connection was never made.
    pub upstream_never_connected: bool,
    /// `$upstream_status`, the last of the list.
    pub upstream_status: Option<u16>,
    /// `$upstream_addr`, the last of the list; empty when not logged, `-` when no upstream was used.
    pub upstream_addr: &'a [u8],
    /// Why the upstream could not be used, where the access log itself says (HAProxy's termination state).
    pub upstream_failure: Option<UpstreamFailure>,
    /// `$http_user_agent`.
    pub user_agent: &'a [u8],
    /// `$request_id`, empty when not logged.
    pub request_id: &'a [u8],
    /// `$connection`.
    pub connection: Option<u64>,
}

/// Why nginx could not use an upstream (formats.md 2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum UpstreamFailure {
    /// timed out while connecting: accept queue full or network.
    ConnectTimeout,
    /// timed out while reading response header: worker slow or queued.
    ReadTimeout,
    /// timed out in mid-body.
    BodyTimeout,
    /// timed out while sending the request.
    SendTimeout,
    /// idle upgraded connection timed out (harmless).
    UpgradedTimeout,
    /// prematurely closed while reading response header: worker died.
    PrematureClose,
    /// prematurely closed in mid-body: worker died, status 200.
    PrematureCloseBody,
    /// connect() failed (111: Connection refused).
    Refused,
    /// recv() failed (104: Connection reset by peer).
    Reset,
    /// no live upstreams.
    NoLiveUpstreams,
    /// upstream server temporarily disabled.
    Disabled,
    /// client prematurely closed connection.
    ClientClosed,
}

/// One record of nginx's error log.
#[derive(Debug, Clone)]
pub struct NginxErrorRecord<'a> {
    /// Wall clock without zone.
    pub stamp: Stamp,
    /// `error`, `warn` …
    pub level: &'a [u8],
    /// `*CONN`, equals `$connection`.
    pub connection: Option<u64>,
    /// The message before `, client:`.
    pub message: &'a [u8],
    /// Typed upstream cause.
    pub upstream_failure: Option<UpstreamFailure>,
    /// `client:`.
    pub client: &'a [u8],
    /// Method and target of `request:`.
    pub method: &'a [u8],
    /// Target of `request:`.
    pub path: &'a [u8],
    /// `upstream:` URL.
    pub upstream: &'a [u8],
    /// A signal or reload: `signal N (SIGHUP) received`, `reconfiguring`, `start worker process`, exits.
    pub lifecycle: Option<NginxLifecycle>,
}

/// nginx process events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum NginxLifecycle {
    /// SIGHUP, reconfiguring.
    Reload,
    /// SIGTERM/SIGQUIT, exiting.
    Stop,
    /// start worker processes.
    Start,
    /// worker exited on a signal.
    WorkerCrash,
    /// worker_connections are not enough.
    ConnectionsExhausted,
}

/// One record of PostgreSQL's log, DETAIL, CONTEXT and STATEMENT attached where the format has them together.
#[derive(Debug, Clone)]
pub struct PostgresRecord<'a> {
    /// Log time; UTC if the zone was known.
    pub stamp: Stamp,
    /// Backend that logged it.
    pub pid: u32,
    /// `LOG`, `ERROR`, `FATAL`, `DETAIL`, `STATEMENT` … as printed.
    pub severity: &'a [u8],
    /// Primary text.
    pub message: Cow<'a, [u8]>,
    /// DETAIL (csvlog, jsonlog; in stderr it is a record of its own with severity `DETAIL`).
    pub detail: Cow<'a, [u8]>,
    /// CONTEXT.
    pub context: Cow<'a, [u8]>,
    /// STATEMENT.
    pub statement: Cow<'a, [u8]>,
    /// application_name, empty if unknown.
    pub application_name: &'a [u8],
    /// Client port, where logged.
    pub client_port: Option<u16>,
    /// SQLSTATE, empty if unknown.
    pub sql_state: &'a [u8],
    /// What it means.
    pub event: PostgresEvent,
}

/// What a PostgreSQL record says (formats.md 6.4). Text is found in the record's own fields.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PostgresEvent {
    /// `duration: MS ms  statement|execute …: SQL`; the log time is the end. `query` is a byte range of `message`.
    Duration {
        /// Run time, µs.
        duration_us: i64,
        /// Where the SQL begins in `message`; equals its length if there is none.
        query_start: usize,
        /// `parse` or `bind` phase of the extended protocol: do not add to `execute`.
        phase_only: bool,
        /// auto_explain's duplicate of a statement line.
        plan: bool,
    },
    /// `process P still waiting for MODE on OBJECT after MS ms`.
    StillWaiting {
        /// The waiting backend.
        pid: u32,
        /// Time waited so far, µs.
        waited_us: i64,
    },
    /// `process P acquired MODE on OBJECT after MS ms`.
    Acquired {
        /// The backend that waited.
        pid: u32,
        /// Time waited, µs.
        waited_us: i64,
    },
    /// DETAIL of a wait: `Process(es) holding the lock: A, B. Wait queue: C, D.` (also parsed out of csvlog/jsonlog
    /// details by `lock_holders`).
    LockHolders {
        /// Processes listed as holding.
        holders: Vec<u32>,
        /// Processes in the queue.
        queue: Vec<u32>,
    },
    /// ERROR `deadlock detected` (or the LOG line before it).
    Deadlock,
    /// canceling statement due to user request / statement timeout / lock timeout.
    Canceled(Cancellation),
    /// could not obtain lock on row (NOWAIT).
    LockNotAvailable,
    /// could not serialize access.
    SerializationFailure,
    /// terminating connection due to …
    Terminated(Termination),
    /// sorry, too many clients already; remaining connection slots are reserved.
    TooManyClients,
    /// unexpected EOF on client connection with an open transaction.
    UnexpectedEof,
    /// could not send data to client, connection to client lost, could not receive data from client.
    ClientLost,
    /// checkpoint complete, with its sync seconds in µs.
    CheckpointComplete {
        /// `total=`, µs.
        total_us: i64,
        /// `sync=`, µs.
        sync_us: i64,
        /// `longest=`, µs.
        longest_sync_us: i64,
    },
    /// temporary file: path …, size BYTES.
    TemporaryFile {
        /// Bytes.
        bytes: u64,
    },
    /// server process (PID P) was terminated by signal N.
    ProcessKilled {
        /// Backend.
        pid: u32,
        /// Signal number.
        signal: u32,
    },
    /// received … shutdown request, shutting down, database system is shut down.
    ShuttingDown,
    /// database system was interrupted, in recovery, not properly shut down.
    Recovery,
    /// database system is ready to accept connections.
    Ready,
    /// connection authorized / received.
    Connection,
    /// disconnection.
    Disconnection,
    /// autovacuum, analyze.
    Maintenance,
    /// `parameter "X" changed to "Y"`, reload.
    ConfigurationChanged,
    /// Statement text `ALTER ROLE … SET … timeout` or `ALTER DATABASE`/`ALTER SYSTEM` was logged.
    AlterTimeout,
    /// `select pg_cancel_backend` / `pg_terminate_backend` was logged as a statement.
    CancelCall {
        /// pg_terminate_backend rather than pg_cancel_backend.
        terminate: bool,
    },
    /// Anything else.
    Other,
}

/// Why a statement was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Cancellation {
    UserRequest,
    StatementTimeout,
    LockTimeout,
    Autovacuum,
    Recovery,
}

/// Why a connection was terminated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Termination {
    AdministratorCommand,
    IdleInTransactionTimeout,
    IdleSessionTimeout,
    TransactionTimeout,
    CrashOfAnotherProcess,
}

/// One snapshot of `pg_stat_activity`: rows, or counts, or both.
#[derive(Debug, Clone, Default)]
pub struct ActivitySnapshot<'a> {
    /// When it was taken, from the line before it or its own column.
    pub stamp: Option<Stamp>,
    /// Counts over the whole view, where the capture printed counts. The sampler's own session is in `active`.
    pub counts: Option<ActivityCounts>,
    /// Rows, where the capture printed rows.
    pub rows: Vec<ActivityRow<'a>>,
    /// The rows are all sessions (else only the active ones, or a top-N of them).
    pub complete: bool,
}

/// Counts printed by a sampling query; absent columns are `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ActivityCounts {
    /// state = active.
    pub active: Option<u32>,
    /// state = idle in transaction.
    pub idle_in_transaction: Option<u32>,
    /// active for more than 5 s.
    pub active_over_5s: Option<u32>,
    /// active for more than 30 s.
    pub active_over_30s: Option<u32>,
    /// wait_event_type = Lock.
    pub lock_waits: Option<u32>,
    /// All sessions.
    pub total: Option<u32>,
}

/// One session in a snapshot.
#[derive(Debug, Clone, Default)]
pub struct ActivityRow<'a> {
    /// Backend.
    pub pid: u32,
    /// application_name.
    pub application_name: Cow<'a, [u8]>,
    /// state; empty if the capture does not print it (an active-only query implies `active`).
    pub state: Cow<'a, [u8]>,
    /// wait_event_type.
    pub wait_event_type: Cow<'a, [u8]>,
    /// wait_event.
    pub wait_event: Cow<'a, [u8]>,
    /// now() - query_start, µs; may be negative.
    pub query_age_us: Option<i64>,
    /// now() - xact_start, µs.
    pub xact_age_us: Option<i64>,
    /// now() - state_change, µs.
    pub state_age_us: Option<i64>,
    /// pg_blocking_pids.
    pub blocked_by: Vec<u32>,
    /// client_port.
    pub client_port: Option<u16>,
    /// backend_type; empty if not printed.
    pub backend_type: Cow<'a, [u8]>,
    /// Query text as printed.
    pub query: Cow<'a, [u8]>,
    /// This is the sampler's own query.
    pub sampler: bool,
    /// Line of the row inside its record, 0 for the record's first.
    pub line_in_record: u32,
}

/// One row of `pg_stat_statements`.
#[derive(Debug, Clone, Default)]
pub struct StatementStatistics<'a> {
    /// Normalised query.
    pub query: Cow<'a, [u8]>,
    /// Calls.
    pub calls: u64,
    /// total_exec_time (13+) or total_time, µs.
    pub total_us: i64,
    /// max_exec_time or max_time, µs.
    pub max_us: i64,
}

/// One sample of the host, whatever tool took it. Averages over the interval that ends at `stamp`, unless said otherwise.
#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HostSample {
    /// End of the interval; `None` where neither the line nor anything before it says a time.
    pub stamp: Option<Stamp>,
    /// user + system + nice + irq, percent of all cores.
    pub cpu_busy_percent: Option<f64>,
    /// I/O wait, percent.
    pub io_wait_percent: Option<f64>,
    /// Steal, percent.
    pub steal_percent: Option<f64>,
    /// Run queue length.
    pub run_queue: Option<u32>,
    /// Processes in uninterruptible sleep.
    pub blocked: Option<u32>,
    /// Free memory, bytes.
    pub memory_free_bytes: Option<u64>,
    /// Memory that programs could still get (the kernel's MemAvailable), bytes.
    pub memory_available_bytes: Option<u64>,
    /// Memory in use of one container or control group, percent of its limit.
    pub memory_of_limit_percent: Option<f64>,
    /// Swapped in plus out per second, kibibytes.
    pub swap_kib_s: Option<f64>,
    /// Load average over a minute.
    pub load_1: Option<f64>,
    /// Share of the last ten seconds in which some task waited for a processor (PSI `cpu some avg10`), percent.
    pub cpu_pressure_percent: Option<f64>,
    /// The same for storage (`io some avg10`).
    pub io_pressure_percent: Option<f64>,
    /// The same for memory (`memory some avg10`).
    pub memory_pressure_percent: Option<f64>,
    /// Time in which one device was busy, percent.
    pub device_busy_percent: Option<f64>,
    /// Share of its quota's periods in which a control group was throttled, percent.
    pub throttled_percent: Option<f64>,
    /// Processes that the kernel killed in a control group since the sample before.
    pub out_of_memory_kills: Option<u64>,
    /// Connections that accept queues had no room for since the sample before (`ListenOverflows`), whole host.
    pub listen_overflows: Option<u64>,
    /// A listening socket and its accept queue, at the instant of `stamp`.
    pub listener: Option<Listener>,
    /// The first row of a tool: an average since boot, not a sample.
    pub since_boot: bool,
}

/// The accept queue of one listening socket, as `ss -lnt` prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Listener {
    /// Local port.
    pub port: u16,
    /// Connections waiting to be accepted (`Recv-Q`).
    pub waiting: u32,
    /// Most that may wait (`Send-Q`).
    pub backlog: u32,
}

/// One outside probe (curl).
#[derive(Debug, Clone)]
pub struct ProbeResult<'a> {
    /// When it was started.
    pub stamp: Option<Stamp>,
    /// What was asked for, if printed.
    pub target: &'a [u8],
    /// `http_code`; 0 for no answer.
    pub http_code: u16,
    /// `time_total`, µs.
    pub time_total_us: Option<i64>,
}

/// A kernel message that matters.
#[derive(Debug, Clone)]
pub struct KernelRecord<'a> {
    /// Wall clock of the carrier.
    pub stamp: Stamp,
    /// `Out of memory: Killed process P (NAME)` and the cgroup form: the victim.
    pub killed_pid: Option<u32>,
    /// Name of the victim.
    pub killed_name: &'a [u8],
    /// Message.
    pub message: &'a [u8],
}

/// Name of the setting that says: not all of this file could be read, so what it does not set is not known.
pub const UNREADABLE: &str = "(unreadable)";

/// One setting of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// `odoo`, `nginx`, `postgresql`, `postgresql session` (printed by psql, so in force) or `host`.
    pub program: &'static str,
    /// Option name as its program spells it; nginx: the directive, prefixed by its location in brackets where it has
    /// one, such as `proxy_read_timeout` or `[/websocket] proxy_pass`. [`UNREADABLE`] says that some are missing.
    pub name: String,
    /// Value as written, quotes removed, secrets not.
    pub value: String,
    /// Line inside the record, 0 for its first.
    pub line_in_record: u32,
    /// Blocks around it. A block is a setting too (its arguments are the value); what it holds follows, one deeper.
    pub depth: u8,
}
