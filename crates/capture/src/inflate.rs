//! Inflates what announces itself by its first bytes: gzip, zlib and zstd.
//!
//! Content decides, not headers: current browser SDKs send gzip as `text/plain` and say so nowhere. Whatever the
//! input claims, no more than the limit and one byte is ever inflated.

use std::borrow::Cow;
use std::io::{self, Read};

use crate::CaptureError;

const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b, 0x08];
const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// Deflate cannot do better than this, so a larger announced size is a lie.
const DEFLATE_RATIO_MAX: usize = 1_032;
const BROTLI_BUFFER_BYTES: usize = 16 << 10;
/// A zstd frame may ask for a window this large: 32 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 25;

/// Whether `bytes` start like something [`unpacked`] must be able to inflate.
pub(crate) fn is_packed(bytes: &[u8]) -> bool {
    bytes.starts_with(GZIP_MAGIC) || bytes.starts_with(ZSTD_MAGIC) || is_zlib(bytes)
}

/// `bytes` inflated, or as they are when nothing in them says that they are compressed.
///
/// # Errors
///
/// When compressed bytes are damaged, or inflate to more than `limit` bytes.
pub(crate) fn unpacked(bytes: Cow<'_, [u8]>, limit: usize) -> Result<Cow<'_, [u8]>, CaptureError> {
    if bytes.starts_with(GZIP_MAGIC) {
        if let Some(inflated) = gunzip_whole(&bytes, limit) {
            return Ok(Cow::Owned(inflated));
        }
        let reader = flate2::bufread::MultiGzDecoder::new(&*bytes);
        return read_limited(reader, limit)?.map(Cow::Owned).map_err(|_| undecodable("invalid GZIP data"));
    }
    if bytes.starts_with(ZSTD_MAGIC) {
        return read_limited(zstd_reader(&bytes)?, limit)?
            .map(Cow::Owned)
            .map_err(|_| undecodable("invalid ZSTD data"));
    }
    if is_zlib(&bytes) {
        // Two bytes are a weak sign, and text may start with them.
        let reader = flate2::bufread::ZlibDecoder::new(&*bytes);
        return Ok(read_limited(reader, limit)?.map_or(bytes, Cow::Owned));
    }
    Ok(bytes)
}

/// `bytes` inflated as a header says.
///
/// # Errors
///
/// When they are not what it says, or inflate to more than `limit` bytes.
pub(crate) fn announced(encoding: Encoding, bytes: &[u8], limit: usize) -> Result<Vec<u8>, CaptureError> {
    let read = match encoding {
        Encoding::Gzip => match gunzip_whole(bytes, limit) {
            Some(inflated) => return Ok(inflated),
            None => read_limited(flate2::bufread::MultiGzDecoder::new(bytes), limit)?,
        },
        Encoding::Deflate => read_limited(flate2::bufread::ZlibDecoder::new(bytes), limit)?,
        Encoding::Brotli => read_limited(brotli_decompressor::Decompressor::new(bytes, BROTLI_BUFFER_BYTES), limit)?,
        Encoding::Zstd => read_limited(zstd_reader(bytes)?, limit)?,
    };
    read.map_err(|_| undecodable("invalid compressed data"))
}

/// What a `Content-Encoding` header can announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Gzip,
    /// Which means zlib.
    Deflate,
    Brotli,
    Zstd,
}

impl Encoding {
    /// The encoding called `name`, in any case.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let names = [("gzip", Self::Gzip), ("deflate", Self::Deflate), ("br", Self::Brotli), ("zstd", Self::Zstd)];
        names.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, encoding)| encoding)
    }
}

fn is_zlib(bytes: &[u8]) -> bool {
    matches!(bytes, [0x78, flags, ..] if (0x78 << 8 | u16::from(*flags)) % 31 == 0)
}

/// The usual case, at twice the speed of streaming: one gzip member whose trailer tells the truth about its size.
/// `None` means that streaming has to find out.
fn gunzip_whole(bytes: &[u8], limit: usize) -> Option<Vec<u8>> {
    let size = usize::try_from(u32::from_le_bytes(*bytes.last_chunk()?)).ok()?;
    // A second member would be passed over in silence.
    let more_members = memchr::memmem::find(bytes.get(GZIP_MAGIC.len()..)?, GZIP_MAGIC).is_some();
    if more_members || size > limit || size / DEFLATE_RATIO_MAX > bytes.len() {
        return None;
    }
    let mut inflated = vec![0; size];
    let written = libdeflater::Decompressor::new().gzip_decompress(bytes, &mut inflated).ok()?;
    (written == size).then_some(inflated)
}

fn zstd_reader(bytes: &[u8]) -> Result<impl Read, CaptureError> {
    let mut reader = zstd::stream::read::Decoder::with_buffer(bytes).map_err(|_| undecodable("invalid ZSTD data"))?;
    reader.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(|_| undecodable("invalid ZSTD data"))?;
    Ok(reader)
}

/// Everything `reader` gives. The outer error says that it is too much, the inner one that it is damaged.
fn read_limited(reader: impl Read, limit: usize) -> Result<io::Result<Vec<u8>>, CaptureError> {
    let mut inflated = Vec::new();
    let more_than_allowed = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    if let Err(error) = reader.take(more_than_allowed).read_to_end(&mut inflated) {
        return Ok(Err(error));
    }
    if inflated.len() > limit {
        return Err(CaptureError::TooLarge { what: "inflated payload", limit_bytes: limit });
    }
    Ok(Ok(inflated))
}

fn undecodable(reason: &'static str) -> CaptureError {
    CaptureError::Undecodable { reason }
}

#[cfg(test)]
mod tests;
