//! What every handler can reach: one value, built once by `server` and cloned per request.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use env::{Clock, Random};
use eventlog::EventLog;
use http::{HeaderMap, header};
use ipnet::IpNet;
use meta::Meta;
use model::{PersonNumber, ProjectId, Timestamp};
use query::Engine;
use tokio::sync::Semaphore;

use crate::limits::{RateLimits, Throttle};
use crate::metrics::Metrics;

/// Limits and choices of the HTTP surface.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Largest capture body, compressed or inflated, and other limits of decoding.
    pub capture: capture::Limits,
    /// Those of the lane for events of language models.
    pub capture_ai: capture::Limits,
    /// Those of capture v1.
    pub capture_v1: capture::Limits,
    /// Bytes of capture bodies that may be in memory at once; further requests wait for their turn.
    pub capture_in_flight_bytes: u32,
    /// How long an upload may stall before it is answered 408.
    pub body_stall: Duration,
    /// What an unknown project token gets: 401 (default), or PostHog's silent 200.
    pub unknown_token: UnknownToken,
    /// Peers whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Largest body of a REST request.
    pub rest_body_bytes: usize,
    /// How often each key may ask.
    pub rate_limits: RateLimits,
    /// Memory for answers of queries that may be given again, in bytes.
    pub query_cache_bytes: usize,
    /// What `values` answers with.
    pub values_shape: ValuesShape,
}

/// The body of `…/events/values`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValuesShape {
    /// A bare array, as PostHog's classic generation has it.
    Array,
    /// `{"results": […], "refreshing": false}`, as its current one has it.
    Object,
}

/// How to answer a capture request whose token no project owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownToken {
    /// 401 `API key is not valid: unknown`, so that the mistake is seen.
    Refuse,
    /// 200, and the events are dropped.
    Accept,
}

/// One figure of `/metrics` that another part of the process keeps.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Metric name, with its unit.
    pub name: &'static str,
    /// One line of explanation.
    pub help: &'static str,
    /// Whether it only grows.
    pub kind: SampleKind,
    /// The value now.
    pub value: f64,
}

/// The two kinds of [`Sample`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleKind {
    /// Only grows while the process lives.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// Reads the figures of the parts the API does not know (ingestion, storage).
pub type Samples = Arc<dyn Fn() -> Vec<Sample> + Send + Sync>;

/// Makes the events of deleted persons invisible, at once and for every query that starts from now on.
pub type HidePersons = Arc<dyn Fn(ProjectId, &[PersonNumber]) + Send + Sync>;

/// The parts an [`App`] is built of.
#[expect(missing_debug_implementations, reason = "holds closures and engines; nobody prints it")]
pub struct Parts {
    /// Tenants, keys, persons.
    pub meta: Arc<Meta>,
    /// Where accepted requests go.
    pub log: EventLog,
    /// What answers questions about events.
    pub engine: Arc<Engine>,
    /// What time it is.
    pub clock: Clock,
    /// Ids and keys.
    pub random: Random,
    /// Figures for `/metrics`.
    pub samples: Samples,
    /// Hides the events of deleted persons.
    pub hide_persons: HidePersons,
    /// Limits.
    pub settings: Settings,
}

/// Shared state of the HTTP surface.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "holds closures and engines; nobody prints it")]
pub struct App {
    pub(crate) meta: Arc<Meta>,
    pub(crate) log: EventLog,
    pub(crate) engine: Arc<Engine>,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) samples: Samples,
    pub(crate) hide_persons: HidePersons,
    pub(crate) throttle: Arc<Throttle>,
    /// Answers of queries that may be given again.
    pub(crate) answers: Arc<crate::query::Answers>,
    /// Questions asked in the background.
    pub(crate) queries: Arc<crate::query::Queries>,
    /// The OpenAPI document, once somebody has asked for it.
    pub(crate) schema: Arc<OnceLock<Arc<str>>>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) settings: Arc<Settings>,
    /// One permit per KiB of capture body in memory.
    pub(crate) in_flight: Arc<Semaphore>,
}

impl App {
    /// Assembles the state.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let permits = parts.settings.capture_in_flight_bytes.div_ceil(1_024) as usize;
        Self {
            meta: parts.meta,
            log: parts.log,
            engine: parts.engine,
            clock: parts.clock,
            random: parts.random,
            samples: parts.samples,
            hide_persons: parts.hide_persons,
            schema: Arc::default(),
            answers: Arc::new(crate::query::Answers::new(parts.settings.query_cache_bytes)),
            queries: Arc::default(),
            throttle: Arc::new(Throttle::new(parts.settings.rate_limits.clone(), parts.clock)),
            metrics: Arc::new(Metrics::new()),
            settings: Arc::new(parts.settings),
            in_flight: Arc::new(Semaphore::new(permits)),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.clock.unix_micros())
    }

    /// The client's address: that of the peer, unless the peer is a trusted proxy that names another one.
    ///
    /// `X-Forwarded-For` is read from the right, skipping further trusted proxies, so a client cannot choose it.
    pub(crate) fn client_ip(&self, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.ip().to_canonical();
        if !self.trusts(peer) {
            return peer;
        }
        let forwarded = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let hops: Vec<IpAddr> = forwarded.flat_map(|value| value.split(',')).filter_map(parse_hop).collect();
        let named = hops.iter().rev().find(|hop| !self.trusts(**hop)).or_else(|| hops.first()).copied();
        named
            .or_else(|| headers.get("x-real-ip").and_then(|value| value.to_str().ok()).and_then(parse_hop))
            .unwrap_or(peer)
    }

    /// Scheme and host as the client sees them, for absolute links.
    pub(crate) fn base_url(&self, peer: SocketAddr, headers: &HeaderMap) -> String {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(first_of_list);
        let trusted = self.trusts(peer.ip().to_canonical());
        let forwarded = |name: &str| if trusted { text(name) } else { None };
        let scheme = forwarded("x-forwarded-proto").filter(|scheme| matches!(*scheme, "http" | "https"));
        let host = forwarded("x-forwarded-host").or_else(|| text(header::HOST.as_str())).unwrap_or("localhost");
        format!("{}://{host}", scheme.unwrap_or("http"))
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.settings.trusted_proxies.iter().any(|network| network.contains(&address))
    }
}

fn first_of_list(value: &str) -> &str {
    value.split(',').next().unwrap_or_default().trim()
}

/// An address in a forwarding header: bare, with a port, or a bracketed IPv6 one.
fn parse_hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let address = text.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok()).map(|address| address.to_canonical())
}
