//! Counters of the HTTP surface, and the Prometheus page that shows them beside everybody else's figures.

use std::fmt::Write as _;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use prometheus::{Encoder, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry, TextEncoder};

use crate::app::{App, Sample, SampleKind};

/// Seconds; from a memory hit to a slow export.
const LATENCY_BUCKETS: &[f64] =
    &[0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// The counters kept here. Labels come from fixed sets: routes, statuses, reasons.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    events: IntCounter,
    bytes: IntCounter,
    refused: IntCounterVec,
    unknown_tokens: IntCounter,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let registry = Registry::new();
        let counter = |name, help| IntCounter::new(name, help).expect("metric names are valid");
        let counters = |name, help, labels: &[&str]| {
            IntCounterVec::new(Opts::new(name, help), labels).expect("metric names are valid")
        };
        let metrics = Self {
            requests: counters("hedgerow_http_requests_total", "Requests by route and status.", &["route", "status"]),
            seconds: HistogramVec::new(
                HistogramOpts::new("hedgerow_http_request_seconds", "Time to answer, by route.")
                    .buckets(LATENCY_BUCKETS.to_vec()),
                &["route"],
            )
            .expect("metric names are valid"),
            events: counter("hedgerow_capture_events_total", "Events acknowledged, durable on disk."),
            bytes: counter("hedgerow_capture_body_bytes_total", "Bytes of acknowledged bodies as received."),
            refused: counters("hedgerow_capture_refused_total", "Capture requests refused, by reason.", &["reason"]),
            unknown_tokens: counter("hedgerow_capture_unknown_token_total", "Capture requests no project owns."),
            registry,
        };
        let parts: [Box<dyn prometheus::core::Collector>; 6] = [
            Box::new(metrics.requests.clone()),
            Box::new(metrics.seconds.clone()),
            Box::new(metrics.events.clone()),
            Box::new(metrics.bytes.clone()),
            Box::new(metrics.refused.clone()),
            Box::new(metrics.unknown_tokens.clone()),
        ];
        for part in parts {
            metrics.registry.register(part).expect("metric names are distinct");
        }
        metrics
    }

    pub(crate) fn answered(&self, route: &str, status: StatusCode, took: Duration) {
        self.requests.with_label_values(&[route, status.as_str()]).inc();
        self.seconds.with_label_values(&[route]).observe(took.as_secs_f64());
    }

    pub(crate) fn capture_accepted(&self, events: usize, bytes: usize) {
        self.events.inc_by(events as u64);
        self.bytes.inc_by(bytes as u64);
    }

    pub(crate) fn capture_refused(&self, reason: &str) {
        self.refused.with_label_values(&[reason]).inc();
    }

    pub(crate) fn capture_unknown_token(&self) {
        self.unknown_tokens.inc();
    }

    fn render(&self, samples: &[Sample]) -> Vec<u8> {
        let mut page = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut page) {
            tracing::error!(%error, "metrics cannot be rendered");
        }
        let mut text = String::new();
        for sample in samples {
            let kind = match sample.kind {
                SampleKind::Counter => "counter",
                SampleKind::Gauge => "gauge",
            };
            writeln!(text, "# HELP {0} {1}\n# TYPE {0} {kind}\n{0} {2}", sample.name, sample.help, sample.value)
                .expect("writing to a string cannot fail");
        }
        page.extend_from_slice(text.as_bytes());
        page
    }
}

/// `GET /metrics`: Prometheus text.
pub(crate) async fn page(State(app): State<App>) -> Response {
    let body = app.metrics.render(&(app.samples)());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], body).into_response()
}
