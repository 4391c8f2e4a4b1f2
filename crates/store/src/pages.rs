//! Reads the columns of a row group, page by page.
//!
//! The Parquet library makes a compressor and a decompressor of zstd anew for each column that it reads. Both ask the
//! processor what it can do, which a virtual machine answers slowly: together it took a fifth of the time of small
//! questions. So the library is told that pages are not packed, and they are unpacked here, by decompressors that are used
//! again.

use std::fmt;
use std::io::Cursor;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use parquet::arrow::FieldLevels;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, RowGroups, RowSelection};
use parquet::basic::Compression;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::serialized_reader::SerializedPageReader;
use zstd::bulk::Decompressor;
use zstd::zstd_safe::get_frame_content_size;

use crate::file::SegmentFile;

/// Decompressors that wait for work: as many as there were readers at once.
#[derive(Default)]
pub(crate) struct Unpackers(Mutex<Vec<Decompressor<'static>>>);

impl fmt::Debug for Unpackers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Unpackers").field(&self.0.lock().len()).finish()
    }
}

/// A row group of a file.
pub(crate) struct Group<'a> {
    pub(crate) file: &'a SegmentFile,
    pub(crate) metadata: &'a ParquetMetaData,
    pub(crate) group: usize,
    pub(crate) unpackers: &'a Arc<Unpackers>,
}

impl Group<'_> {
    /// Reads the selected rows of the column that `levels` describe, `rows` of them at a time.
    pub(crate) fn reader(
        &self,
        levels: &FieldLevels,
        rows: usize,
        selection: Option<RowSelection>,
    ) -> Result<ParquetRecordBatchReader> {
        ParquetRecordBatchReader::try_new_with_row_groups(levels, self, rows.max(1), selection)
    }
}

impl RowGroups for Group<'_> {
    fn num_rows(&self) -> usize {
        usize::try_from(self.metadata.row_group(self.group).num_rows()).unwrap_or_default()
    }

    fn column_chunks(&self, column: usize) -> Result<Box<dyn PageIterator>> {
        let chunk = self.metadata.row_group(self.group).column(column);
        let index = self.metadata.offset_index().and_then(|index| index.get(self.group)?.get(column));
        let locations = index.map(|index| index.page_locations().clone());
        let file = Arc::new(self.file.clone());
        let pages: Box<dyn PageReader> = if matches!(chunk.compression(), Compression::ZSTD(_)) {
            let plain = chunk.clone().into_builder().set_compression(Compression::UNCOMPRESSED).build()?;
            let packed = SerializedPageReader::new(file, &plain, self.num_rows(), locations)?;
            Box::new(Unpacked { packed, unpackers: Arc::clone(self.unpackers), unpacker: None })
        } else {
            Box::new(SerializedPageReader::new(file, chunk, self.num_rows(), locations)?)
        };
        Ok(Box::new(One(Some(pages))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::once(self.metadata.row_group(self.group)))
    }

    fn metadata(&self) -> &ParquetMetaData {
        self.metadata
    }
}

/// The pages of one column chunk.
struct One(Option<Box<dyn PageReader>>);

impl Iterator for One {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(Ok)
    }
}

impl PageIterator for One {}

/// Pages packed by zstd, unpacked.
struct Unpacked {
    packed: SerializedPageReader<SegmentFile>,
    unpackers: Arc<Unpackers>,
    unpacker: Option<Decompressor<'static>>,
}

impl Unpacked {
    fn page(&mut self, mut page: Page) -> Result<Page> {
        match &mut page {
            Page::DictionaryPage { buf, .. } => *buf = self.buffer(buf, 0)?,
            Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, is_compressed: true, .. } => {
                // Levels come first and are not packed.
                let levels = *def_levels_byte_len as usize + *rep_levels_byte_len as usize;
                *buf = self.buffer(buf, levels)?;
            }
            Page::DataPageV2 { .. } => {}
            Page::DataPage { .. } => {
                return Err(ParquetError::General("a page of another version than we write".to_owned()));
            }
        }
        Ok(page)
    }

    /// `buffer`, whose first `plain` bytes are not packed.
    fn buffer(&mut self, buffer: &Bytes, plain: usize) -> Result<Bytes> {
        let nonsense = || ParquetError::General("a page that cannot be unpacked".to_owned());
        let (plain, packed) = buffer.split_at_checked(plain).ok_or_else(nonsense)?;
        if packed.is_empty() {
            // Of a page without values.
            return Ok(buffer.clone());
        }
        let size = get_frame_content_size(packed).ok().flatten().ok_or_else(nonsense)?;
        let mut unpacked = Vec::with_capacity(plain.len() + usize::try_from(size).map_err(|_| nonsense())?);
        unpacked.extend_from_slice(plain);
        let unpacker = match &mut self.unpacker {
            Some(unpacker) => unpacker,
            none => {
                let waiting = self.unpackers.0.lock().pop();
                none.insert(waiting.map_or_else(Decompressor::new, Ok)?)
            }
        };
        let mut output = Cursor::new(unpacked);
        output.set_position(plain.len() as u64);
        unpacker.decompress_to_buffer(packed, &mut output)?;
        Ok(output.into_inner().into())
    }
}

impl Drop for Unpacked {
    fn drop(&mut self) {
        self.unpackers.0.lock().extend(self.unpacker.take());
    }
}

impl Iterator for Unpacked {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Unpacked {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        self.packed.get_next_page()?.map(|page| self.page(page)).transpose()
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.packed.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.packed.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.packed.at_record_boundary()
    }
}
