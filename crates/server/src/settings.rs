//! Settings of `serve`: flag > `HEDGEROW_*` variable > `hedgerow.toml` > default.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use api::{RateLimits, UnknownToken, ValuesShape};
use clap::{Args, Parser, Subcommand};
use env::Clock;
use ipnet::IpNet;
use serde::Deserialize;

/// Product-analytics events in one binary, over PostHog's own HTTP API.
#[derive(Debug, Parser)]
#[command(name = "hedgerow", version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Takes events in and answers questions about them.
    Serve(Box<ServeFlags>),
}

/// Every setting of `serve`, each of them optional: from a flag, a variable, or the settings file.
#[derive(Debug, Default, Clone, Args, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ServeFlags {
    /// Settings file (default: hedgerow.toml in the working directory, if there is one)
    #[arg(long, env = "HEDGEROW_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    config: Option<PathBuf>,

    /// Directory that holds everything (default: ./hedgerow-data)
    #[arg(long, env = "HEDGEROW_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// Address to listen on (default: 127.0.0.1:8000; port 0 picks a free one)
    #[arg(long, env = "HEDGEROW_LISTEN", value_name = "HOST:PORT")]
    listen: Option<String>,

    /// First start only: the token of project 1, phc_… (default: a new one)
    #[arg(long, env = "HEDGEROW_PROJECT_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    project_token: Option<String>,

    /// First start only: the owner's personal API key, phx_… (default: a new one)
    #[arg(long, env = "HEDGEROW_PERSONAL_API_KEY", value_name = "KEY", hide_env_values = true)]
    personal_api_key: Option<String>,

    /// Freeze "now" at this RFC 3339 instant; for tests and demos on a loopback address
    #[arg(long, env = "HEDGEROW_CLOCK", value_name = "INSTANT")]
    clock: Option<String>,

    /// Networks whose forwarding headers are believed (default: loopback and private ranges)
    #[arg(long, env = "HEDGEROW_TRUSTED_PROXIES", value_name = "CIDR", value_delimiter = ',')]
    trusted_proxies: Option<Vec<String>>,

    /// Answer to capture requests with an unknown project token: refuse (401, default) or accept (200, events dropped)
    #[arg(long, env = "HEDGEROW_UNKNOWN_TOKEN", value_name = "ANSWER")]
    unknown_token: Option<String>,

    /// City database in MaxMind's format, to add the place of client addresses to events (default: none)
    #[arg(long, env = "HEDGEROW_GEOIP_DATABASE", value_name = "FILE")]
    geoip_database: Option<PathBuf>,

    /// Bytes of recent events kept in memory before they are sealed to Parquet (default: 33554432)
    #[arg(long, env = "HEDGEROW_MEMORY_BYTES", value_name = "BYTES")]
    memory_bytes: Option<usize>,

    /// Oldest age of an unsealed event, in milliseconds (default: 600000)
    #[arg(long, env = "HEDGEROW_SEAL_INTERVAL_MS", value_name = "MS")]
    seal_interval_ms: Option<u64>,

    /// Size of one log segment (default: 67108864)
    #[arg(long, env = "HEDGEROW_LOG_SEGMENT_BYTES", value_name = "BYTES")]
    log_segment_bytes: Option<u64>,

    /// Size of the log at which new events are answered 503 (default: 4294967296)
    #[arg(long, env = "HEDGEROW_LOG_QUOTA_BYTES", value_name = "BYTES")]
    log_quota_bytes: Option<u64>,

    /// Free disk space below which new events are answered 503 (default: 536870912)
    #[arg(long, env = "HEDGEROW_DISK_RESERVE_BYTES", value_name = "BYTES")]
    disk_reserve_bytes: Option<u64>,

    /// Size of a file that is given up when the disk is full, so that a start has room; 0 for none (default: 268435456)
    #[arg(long, env = "HEDGEROW_BALLAST_BYTES", value_name = "BYTES")]
    ballast_bytes: Option<u64>,

    /// Threads that run queries (default: the number of processors)
    #[arg(long, env = "HEDGEROW_QUERY_THREADS", value_name = "N")]
    query_threads: Option<usize>,

    /// Memory that queries may use together (default: 536870912)
    #[arg(long, env = "HEDGEROW_QUERY_MEMORY_BYTES", value_name = "BYTES")]
    query_memory_bytes: Option<usize>,

    /// Disk that queries may use together for what does not fit in their memory; 0 for none (default: 1073741824)
    #[arg(long, env = "HEDGEROW_QUERY_SPILL_BYTES", value_name = "BYTES")]
    query_spill_bytes: Option<u64>,

    /// Longest time a query may take, in milliseconds (default: 60000)
    #[arg(long, env = "HEDGEROW_QUERY_TIMEOUT_MS", value_name = "MS")]
    query_timeout_ms: Option<u64>,

    /// The same for a query in the background or a download, in milliseconds (default: 600000)
    #[arg(long, env = "HEDGEROW_QUERY_BACKGROUND_TIMEOUT_MS", value_name = "MS")]
    query_background_timeout_ms: Option<u64>,

    /// Queries that run at once; others wait for their turn (default: 8)
    #[arg(long, env = "HEDGEROW_QUERIES_MAX", value_name = "N")]
    queries_max: Option<usize>,

    /// Longest wait for a turn, after which a query is answered 503, in milliseconds (default: 30000)
    #[arg(long, env = "HEDGEROW_QUERY_WAIT_MS", value_name = "MS")]
    query_wait_ms: Option<u64>,

    /// Memory for answers that may be given again while nothing has changed; 0 for none (default: 33554432)
    #[arg(long, env = "HEDGEROW_QUERY_CACHE_BYTES", value_name = "BYTES")]
    query_cache_bytes: Option<usize>,

    /// Requests each personal API key may make: off (default), posthog, or e.g. events=240/min+1200/h,other=480/min
    #[arg(long, env = "HEDGEROW_RATE_LIMITS", value_name = "LIMITS")]
    rate_limits: Option<String>,

    /// What lists of property values are: array (default), or object as PostHog's current generation has it
    #[arg(long, env = "HEDGEROW_VALUES_SHAPE", value_name = "SHAPE")]
    values_shape: Option<String>,

    /// Time between two updates of the members of cohorts in the background, in milliseconds (default: 60000)
    #[arg(long, env = "HEDGEROW_COHORT_REFRESH_MS", value_name = "MS")]
    cohort_refresh_ms: Option<u64>,

    /// Log filter, such as info or api=debug (default: info)
    #[arg(long, env = "HEDGEROW_LOG", value_name = "FILTER")]
    log: Option<String>,
}

/// Settings with every default filled in.
#[derive(Debug, Clone)]
pub(crate) struct ServeSettings {
    pub(crate) data_dir: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) project_token: Option<String>,
    pub(crate) personal_api_key: Option<String>,
    pub(crate) clock: Clock,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) unknown_token: UnknownToken,
    pub(crate) geoip_database: Option<PathBuf>,
    pub(crate) memory_bytes: usize,
    pub(crate) seal_interval: Duration,
    pub(crate) log_segment_bytes: u64,
    pub(crate) log_quota_bytes: u64,
    pub(crate) disk_reserve_bytes: u64,
    pub(crate) ballast_bytes: u64,
    pub(crate) query_threads: usize,
    pub(crate) query_memory_bytes: usize,
    pub(crate) query_spill_bytes: u64,
    pub(crate) query_timeout: Duration,
    pub(crate) query_background_timeout: Duration,
    pub(crate) queries_max: usize,
    pub(crate) query_wait: Duration,
    pub(crate) query_cache_bytes: usize,
    pub(crate) rate_limits: RateLimits,
    pub(crate) values_shape: ValuesShape,
    pub(crate) cohort_refresh: Duration,
    pub(crate) log: String,
}

/// Loopback and private ranges: who forwards to us on an ordinary installation.
const DEFAULT_TRUSTED_PROXIES: [&str; 7] =
    ["127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "169.254.0.0/16"];

/// The smallest log segment. Below about 20 MiB, bodies that do not fit a segment are answered 413.
const LOG_SEGMENT_BYTES_MIN: u64 = 64 * 1_024;

impl ServeSettings {
    /// Merges flags and variables with the settings file and the defaults.
    pub(crate) fn resolve(flags: Box<ServeFlags>) -> anyhow::Result<Self> {
        let file = read_file(flags.config.as_deref())?;
        Self::merge(*flags, file)
    }

    fn merge(flags: ServeFlags, file: ServeFlags) -> anyhow::Result<Self> {
        let listen = flags.listen.or(file.listen).unwrap_or_else(|| "127.0.0.1:8000".to_owned());
        let listen = resolve_address(&listen)?;
        let clock = match flags.clock.or(file.clock) {
            None => Clock::System,
            Some(text) => frozen_clock(&text, listen)?,
        };
        let trusted = flags.trusted_proxies.or(file.trusted_proxies);
        let trusted = trusted.unwrap_or_else(|| DEFAULT_TRUSTED_PROXIES.map(str::to_owned).to_vec());
        let unknown_token = match flags.unknown_token.or(file.unknown_token).as_deref() {
            None | Some("refuse") => UnknownToken::Refuse,
            Some("accept") => UnknownToken::Accept,
            Some(other) => bail!("unknown-token is {other:?}, expected refuse or accept"),
        };
        let values_shape = match flags.values_shape.or(file.values_shape).as_deref() {
            None | Some("array") => ValuesShape::Array,
            Some("object") => ValuesShape::Object,
            Some(other) => bail!("values-shape is {other:?}, expected array or object"),
        };
        let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let settings = Self {
            data_dir: flags.data_dir.or(file.data_dir).unwrap_or_else(|| PathBuf::from("hedgerow-data")),
            listen,
            project_token: flags.project_token.or(file.project_token),
            personal_api_key: flags.personal_api_key.or(file.personal_api_key),
            clock,
            trusted_proxies: trusted.iter().map(|text| read_network(text)).collect::<anyhow::Result<_>>()?,
            unknown_token,
            geoip_database: flags.geoip_database.or(file.geoip_database),
            memory_bytes: flags.memory_bytes.or(file.memory_bytes).unwrap_or(32 << 20),
            seal_interval: millis(flags.seal_interval_ms.or(file.seal_interval_ms), 600_000),
            log_segment_bytes: flags.log_segment_bytes.or(file.log_segment_bytes).unwrap_or(64 << 20),
            log_quota_bytes: flags.log_quota_bytes.or(file.log_quota_bytes).unwrap_or(4 << 30),
            disk_reserve_bytes: flags.disk_reserve_bytes.or(file.disk_reserve_bytes).unwrap_or(512 << 20),
            ballast_bytes: flags.ballast_bytes.or(file.ballast_bytes).unwrap_or(256 << 20),
            query_threads: flags.query_threads.or(file.query_threads).unwrap_or(processors),
            query_memory_bytes: flags.query_memory_bytes.or(file.query_memory_bytes).unwrap_or(512 << 20),
            query_spill_bytes: flags.query_spill_bytes.or(file.query_spill_bytes).unwrap_or(1 << 30),
            query_timeout: millis(flags.query_timeout_ms.or(file.query_timeout_ms), 60_000),
            query_background_timeout: millis(
                flags.query_background_timeout_ms.or(file.query_background_timeout_ms),
                600_000,
            ),
            queries_max: flags.queries_max.or(file.queries_max).unwrap_or(8),
            query_wait: millis(flags.query_wait_ms.or(file.query_wait_ms), 30_000),
            query_cache_bytes: flags.query_cache_bytes.or(file.query_cache_bytes).unwrap_or(32 << 20),
            rate_limits: RateLimits::parse(&flags.rate_limits.or(file.rate_limits).unwrap_or_default())
                .context("rate-limits")?,
            values_shape,
            cohort_refresh: millis(flags.cohort_refresh_ms.or(file.cohort_refresh_ms), 60_000),
            log: flags.log.or(file.log).unwrap_or_else(|| "info".to_owned()),
        };
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> anyhow::Result<()> {
        if self.log_segment_bytes < LOG_SEGMENT_BYTES_MIN {
            bail!("log-segment-bytes is {}, must be at least {LOG_SEGMENT_BYTES_MIN}", self.log_segment_bytes);
        }
        if self.log_quota_bytes < 2 * self.log_segment_bytes {
            bail!(
                "log-quota-bytes is {}, must hold at least two segments of {} bytes",
                self.log_quota_bytes,
                self.log_segment_bytes
            );
        }
        for (name, value) in [("memory-bytes", self.memory_bytes), ("query-memory-bytes", self.query_memory_bytes)] {
            if value < 1 << 16 {
                bail!("{name} is {value}, must be at least 65536");
            }
        }
        for (name, value) in [("query-threads", self.query_threads), ("queries-max", self.queries_max)] {
            if value == 0 {
                bail!("{name} is 0, must be at least 1");
            }
        }
        Ok(())
    }
}

fn millis(setting: Option<u64>, default_ms: u64) -> Duration {
    Duration::from_millis(setting.unwrap_or(default_ms))
}

fn read_file(named: Option<&Path>) -> anyhow::Result<ServeFlags> {
    let path = named.unwrap_or_else(|| Path::new("hedgerow.toml"));
    match std::fs::read_to_string(path) {
        Ok(text) => toml::from_str(&text).with_context(|| format!("settings file {} is not valid", path.display())),
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(ServeFlags::default()),
        Err(error) => Err(error).with_context(|| format!("settings file {} cannot be read", path.display())),
    }
}

fn resolve_address(text: &str) -> anyhow::Result<SocketAddr> {
    let mut addresses = std::net::ToSocketAddrs::to_socket_addrs(text)
        .with_context(|| format!("listen is {text:?}, expected HOST:PORT"))?;
    addresses.next().with_context(|| format!("listen is {text:?}, which names no address"))
}

/// A frozen clock would stamp real events wrongly, so nobody but this machine may send any.
fn frozen_clock(text: &str, listen: SocketAddr) -> anyhow::Result<Clock> {
    let instant: jiff::Timestamp =
        text.parse().with_context(|| format!("clock is {text:?}, expected an RFC 3339 instant"))?;
    if !listen.ip().is_loopback() {
        bail!("clock is frozen, which is refused on the public address {listen}");
    }
    Ok(Clock::Frozen(instant.as_microsecond()))
}

fn read_network(text: &str) -> anyhow::Result<IpNet> {
    let text = text.trim();
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from));
    network.map_err(|_| anyhow::anyhow!("trusted-proxies has {text:?}, expected an address or a CIDR network"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(flags: ServeFlags, file: &str) -> anyhow::Result<ServeSettings> {
        ServeSettings::merge(flags, toml::from_str(file)?)
    }

    #[test]
    fn a_flag_beats_the_file_and_the_file_beats_the_default() {
        let flags = ServeFlags { listen: Some("127.0.0.1:1".to_owned()), ..ServeFlags::default() };
        let settings = merged(flags, "listen = \"127.0.0.1:2\"\nmemory-bytes = 100000").unwrap();
        assert_eq!(settings.listen.port(), 1);
        assert_eq!(settings.memory_bytes, 100_000);
        assert_eq!(settings.log, "info");
    }

    #[test]
    fn unknown_keys_and_bad_values_are_refused() {
        for file in [
            "colour = 1",
            "log-segment-bytes = 1",
            "unknown-token = \"x\"",
            "trusted-proxies = [\"x\"]",
            "listen = \"x\"",
            "rate-limits = \"x\"",
            "values-shape = \"x\"",
        ] {
            assert!(merged(ServeFlags::default(), file).is_err(), "{file}");
        }
    }

    #[test]
    fn a_frozen_clock_needs_a_loopback_address() {
        let file = |listen: &str| format!("clock = \"2026-01-01T12:00:00Z\"\nlisten = \"{listen}\"");
        assert!(merged(ServeFlags::default(), &file("127.0.0.1:0")).is_ok());
        assert!(merged(ServeFlags::default(), &file("0.0.0.0:0")).is_err());
    }
}
