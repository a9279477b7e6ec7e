//! Bytes that are aligned for elements of every type, as the runtime's kernels ask for.

use std::ops::Range;

const _: () = assert!(cfg!(target_endian = "little"), "weights are packed in this computer's order of bytes, which must be the files'");

/// A growing block of bytes; the first is aligned to eight.
#[derive(Clone, Debug, Default)]
pub(crate) struct AlignedBytes {
    words: Vec<u64>,
    len: usize,
}

impl AlignedBytes {
    /// So many bytes, all alike.
    pub(crate) fn filled(len: usize, byte: u8) -> Self {
        AlignedBytes { words: vec![u64::from_ne_bytes([byte; 8]); len.div_ceil(8)], len }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Adds elements behind what there is, from a multiple of `alignment` bytes on; what is between is zero.
    pub(crate) fn push<T: bytemuck::NoUninit>(&mut self, elements: &[T], alignment: usize) -> Range<usize> {
        let bytes: &[u8] = bytemuck::cast_slice(elements);
        let at = self.len.next_multiple_of(alignment);
        self.len = at + bytes.len();
        self.words.resize(self.len.div_ceil(8), 0);
        self[at..].copy_from_slice(bytes);
        at..self.len
    }
}

impl std::ops::Deref for AlignedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.len]
    }
}

impl std::ops::DerefMut for AlignedBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.words)[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_pushed_behind_each_other_in_line() {
        let mut bytes = AlignedBytes::default();
        assert_eq!(bytes.push(&[1u8, 2, 3], 64), 0..3);
        assert_eq!(bytes.push(&[1.0f32], 64), 64..68);
        assert_eq!((bytes[2], bytes[3], &bytes[64..]), (3, 0, &1.0f32.to_ne_bytes()[..]));
        assert!(bytemuck::try_cast_slice::<u8, f32>(&bytes[64..68]).is_ok());
    }
}
