//! Gathers the figures of log, ingestion and storage for `/metrics`.

use std::sync::Arc;

use api::{Sample, SampleKind, Samples};
use eventlog::EventLog;
use ingest::StatsHandle;
use query::Engine;
use store::Store;

/// A reader of every figure the HTTP surface does not count itself. Cheap: counters and lengths, no scan.
pub(crate) fn of(log: EventLog, store: Arc<Store>, engine: Arc<Engine>, ingest: StatsHandle) -> Samples {
    Arc::new(move || {
        let mut samples = log_samples(&log);
        samples.extend(ingest_samples(&log, &ingest));
        samples.extend(store_samples(&store));
        samples.extend(query_samples(&engine));
        samples
    })
}

fn log_samples(log: &EventLog) -> Vec<Sample> {
    let status = log.status();
    vec![
        gauge("hedgerow_log_bytes", "Bytes of all log segments on disk.", status.bytes as f64),
        gauge("hedgerow_log_segments", "Log segments on disk.", status.segments as f64),
        gauge("hedgerow_log_queue_bytes", "Bytes waiting to be made durable.", status.queue_bytes as f64),
        gauge("hedgerow_log_durable_sequence", "Last durable log record.", status.durable as f64),
        gauge("hedgerow_log_full", "1 while events are refused for want of room.", f64::from(u8::from(status.full))),
        counter("hedgerow_log_records_total", "Log records made durable.", status.records as f64),
        counter("hedgerow_log_syncs_total", "Syncs of the log; each may cover many records.", status.syncs as f64),
    ]
}

fn ingest_samples(log: &EventLog, ingest: &StatsHandle) -> Vec<Sample> {
    let stats = ingest.now();
    let lag = log.status().durable.saturating_sub(stats.applied);
    let warnings: u64 = stats.warnings.values().sum();
    vec![
        gauge("hedgerow_ingest_lag_records", "Durable log records that are not queryable yet.", lag as f64),
        gauge("hedgerow_ingest_applied_sequence", "Last log record that is queryable.", stats.applied as f64),
        gauge("hedgerow_ingest_flushed_sequence", "Last log record that is sealed.", stats.flushed as f64),
        counter("hedgerow_ingest_events_total", "Events stored.", stats.events as f64),
        counter(
            "hedgerow_ingest_dropped_total",
            "Events dropped after acknowledgement, by PostHog's rules.",
            stats.dropped as f64,
        ),
        counter("hedgerow_ingest_batches_total", "Batches committed.", stats.batches as f64),
        counter("hedgerow_ingest_failures_total", "Batches that failed and were tried again.", stats.failures as f64),
        counter(
            "hedgerow_ingest_undecodable_total",
            "Log records that could not be decoded.",
            stats.undecodable as f64,
        ),
        counter("hedgerow_ingest_merges_total", "Person ids merged into others.", stats.merges as f64),
        counter("hedgerow_ingest_warnings_total", "Ingestion warnings.", warnings as f64),
        counter("hedgerow_seals_total", "Seals committed to the catalog.", stats.seals as f64),
    ]
}

fn query_samples(engine: &Engine) -> Vec<Sample> {
    let load = engine.load();
    vec![
        gauge("hedgerow_queries_running", "Queries that run.", load.running as f64),
        gauge("hedgerow_queries_waiting", "Queries that wait for their turn.", load.waiting as f64),
        gauge("hedgerow_query_memory_bytes", "Memory that queries have reserved.", load.memory_bytes as f64),
        gauge("hedgerow_query_spilled_bytes", "Disk that queries use.", load.spilled_bytes as f64),
    ]
}

fn store_samples(store: &Store) -> Vec<Sample> {
    let stats = store.stats();
    vec![
        gauge("hedgerow_memory_rows", "Events in the memory table.", stats.memory_rows as f64),
        gauge("hedgerow_memory_bytes", "Bytes of the memory table.", stats.memory_bytes as f64),
        gauge("hedgerow_segments", "Sealed Parquet segments.", stats.segments as f64),
        gauge("hedgerow_fresh_segments", "Segments that compaction has not touched.", stats.fresh_segments as f64),
        gauge("hedgerow_person_merges", "Merged persons that are looked up on reading.", stats.merges as f64),
        counter("hedgerow_sealed_bytes_total", "Bytes of Parquet that sealing wrote.", stats.sealed_bytes as f64),
        counter("hedgerow_compactions_total", "Compactions committed.", stats.compactions as f64),
        counter(
            "hedgerow_compaction_read_bytes_total",
            "Bytes of Parquet that compaction read.",
            stats.compaction_read_bytes as f64,
        ),
        counter(
            "hedgerow_compaction_written_bytes_total",
            "Bytes of Parquet that compaction wrote. Write amplification is this and what sealing wrote, by what sealing wrote.",
            stats.compaction_written_bytes as f64,
        ),
        gauge("hedgerow_segment_bytes", "Bytes of sealed segments.", stats.segment_bytes as f64),
        gauge("hedgerow_segment_rows", "Rows of sealed segments, deleted ones included.", stats.segment_rows as f64),
        gauge("hedgerow_deleted_rows", "Rows of sealed segments that are deleted.", stats.deleted_rows as f64),
        counter(
            "hedgerow_replaced_total",
            "Events that replaced an earlier copy of themselves.",
            stats.replaced as f64,
        ),
        counter(
            "hedgerow_replacement_reads_total",
            "Segments read to confirm a replacement.",
            stats.confirmations as f64,
        ),
    ]
}

fn gauge(name: &'static str, help: &'static str, value: f64) -> Sample {
    Sample { name, help, kind: SampleKind::Gauge, value }
}

fn counter(name: &'static str, help: &'static str, value: f64) -> Sample {
    Sample { name, help, kind: SampleKind::Counter, value }
}
