//! What a segment may hold: a split-block Bloom filter over 64-bit hashes.
//!
//! Each hash sets one bit in each of the eight words of one 32-byte block. At 16 bits per hash about one probe in a
//! thousand is a false alarm.

const BITS_PER_HASH: usize = 16;
const BLOCK_BYTES: usize = 32;
/// Odd multipliers, one per word, of the split-block Bloom filter in the Parquet format's specification.
const SALT: [u32; 8] =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];

#[derive(Debug, Clone)]
pub(crate) struct Bloom {
    blocks: Vec<[u32; 8]>,
}

impl Bloom {
    pub(crate) fn of(hashes: &[u64]) -> Self {
        let blocks = (hashes.len() * BITS_PER_HASH).div_ceil(BLOCK_BYTES * 8).max(1);
        let mut bloom = Self { blocks: vec![[0; 8]; blocks] };
        for hash in hashes {
            let (block, mask) = bloom.place(*hash);
            for (word, bit) in bloom.blocks[block].iter_mut().zip(mask) {
                *word |= bit;
            }
        }
        bloom
    }

    pub(crate) fn may_hold(&self, hash: u64) -> bool {
        let (block, mask) = self.place(hash);
        self.blocks[block].iter().zip(mask).all(|(word, bit)| word & bit != 0)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.blocks.len() * BLOCK_BYTES
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        self.blocks.iter().flatten().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// None when the bytes cannot be those of a filter.
    pub(crate) fn decode(blocks: &[u8]) -> Option<Self> {
        if blocks.is_empty() || !blocks.len().is_multiple_of(BLOCK_BYTES) {
            return None;
        }
        let words: Vec<u32> = blocks.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
        Some(Self { blocks: words.as_chunks::<8>().0.to_vec() })
    }

    /// The block of a hash, and its bit in each word.
    #[expect(clippy::cast_possible_truncation, reason = "half of a hash, and a product below the number of blocks")]
    fn place(&self, hash: u64) -> (usize, [u32; 8]) {
        let block = ((u128::from(hash) * self.blocks.len() as u128) >> 64) as usize;
        // The low half; the block is chosen by the high one.
        (block, SALT.map(|salt| 1 << ((hash as u32).wrapping_mul(salt) >> 27)))
    }
}
