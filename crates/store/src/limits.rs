//! How large files become, and when segments are merged. Operators leave these alone; tests make them small.

/// Sizes of segments and of what is done to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A day with at least this many rows gets a file of its own. Default 4,096.
    pub day_rows_min: usize,
    /// Rows of a row group: what one chunk holds. Default 131,072.
    pub row_group_rows: usize,
    /// A property becomes a column when at least one row in this many has it. Default 250.
    pub rows_per_value_max: u64,
    /// Property columns of a segment at most; the most frequent keys win. Default 160.
    pub property_columns_max: usize,
    /// Keys without a column that get a block of their own; the others share one. Default 2,048.
    pub rare_keys_max: usize,
    /// So many overlapping fresh segments are merged although their day is not over. Default 8.
    pub fresh_segments_max: usize,
    /// So many compacted segments may share a day. Default 3.
    pub compacted_segments_max: usize,
    /// Rows that one compaction reads at most, unless a single segment has more. Default 524,288.
    pub job_rows_max: u64,
    /// Bytes of files that one compaction reads at most, unless a single file has more. Default 96 MiB.
    pub job_bytes_max: u64,
    /// So many merged persons may be looked up on reading before segments are rewritten for them. Default 1,000.
    pub merges_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            day_rows_min: 4_096,
            row_group_rows: 131_072,
            rows_per_value_max: 250,
            property_columns_max: 160,
            rare_keys_max: 2_048,
            fresh_segments_max: 8,
            compacted_segments_max: 3,
            job_rows_max: 1 << 19,
            job_bytes_max: 96 << 20,
            merges_max: 1_000,
        }
    }
}
