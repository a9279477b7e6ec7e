//! Names that a person may have meant.

/// Longer names are not compared letter by letter.
const COMPARED: usize = 256;
/// Letters that may be wrong, missing or too many.
const WRONG: usize = 3;
/// So many names are offered at most.
const OFFERED: usize = 5;

/// Those of `names` that are most like `wanted`, the nearest first: they differ by a few letters, or one is in the other.
pub fn near<'n>(wanted: &str, names: impl IntoIterator<Item = &'n str>) -> Vec<&'n str> {
    let wanted = wanted.to_lowercase();
    let mut found: Vec<(usize, &str)> = names.into_iter().filter_map(|name| Some((distance(&wanted, name)?, name))).collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(|(_, name)| name).take(OFFERED).collect()
}

/// How far a name is from what was wanted, in lower case; none where that is too far.
fn distance(wanted: &str, name: &str) -> Option<usize> {
    /// Shorter pieces are in many names.
    const PIECE: usize = 3;
    if wanted.is_empty() || wanted.len() > COMPARED || name.is_empty() || name.len() > COMPARED {
        return None;
    }
    let name = name.to_lowercase();
    // At most a third of the letters, so that of two letters none is wrong.
    let most = WRONG.min(wanted.len().max(name.len()) / 3);
    let is_within = wanted.len().min(name.len()) >= PIECE && (name.contains(wanted) || wanted.contains(&name));
    edits(wanted.as_bytes(), name.as_bytes(), most).or(is_within.then_some(WRONG + 1))
}

/// The fewest bytes that are put in, taken out or replaced to make one text of the other; none where that is more than `most`.
fn edits(a: &[u8], b: &[u8], most: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > most {
        return None;
    }
    // Names of one file have much in common: what they begin and end with takes no edit.
    let same = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[same..], &b[same..]);
    let same = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[..a.len() - same], &b[..b.len() - same]);
    // Only what lies this near to the diagonal can be of so few edits.
    let far = most + 1;
    let mut row: Vec<usize> = (0..=b.len()).map(|count| count.min(far)).collect();
    for (i, x) in a.iter().enumerate() {
        let (start, end) = (i.saturating_sub(most), (i + most + 1).min(b.len()));
        let mut diagonal = std::mem::replace(&mut row[start], if start == 0 { i + 1 } else { far });
        for (j, y) in b.iter().enumerate().take(end).skip(start) {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
        if row[start..=end].iter().all(|&count| count > most) {
            return None;
        }
    }
    row.last().copied().filter(|&count| count <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_near_by_letters_and_by_parts() {
        let names = ["/head/Conv_output_0", "/head/Conv_output_1", "/stem/Relu_output_0", "x"];
        assert_eq!(near("/head/Conv_output_0", names)[..2], names[..2]);
        assert_eq!(near("/haed/conv_output_1", names)[0], names[1]);
        assert_eq!(near("Relu", names), [names[2]]);
        assert_eq!(near("", names), Vec::<&str>::new());
        assert_eq!(near("softmax", names), Vec::<&str>::new());
        assert_eq!(near("PL0310", ["PL0301", "PL0401"]), ["PL0301"]);
    }

    #[test]
    fn edits_are_counted_up_to_a_bound() {
        assert_eq!(edits(b"abc", b"abc", 0), Some(0));
        assert_eq!(edits(b"abc", b"axc", 1), Some(1));
        assert_eq!(edits(b"abc", b"bc", 1), Some(1));
        assert_eq!(edits(b"abc", b"cab", 1), None);
        assert_eq!(edits(b"", b"ab", 2), Some(2));
        assert_eq!(edits(b"abcdefgh", b"bcdefghi", 2), Some(2));
        assert_eq!(edits(b"ab", b"abcd", 2), Some(2));
        assert_eq!(edits(b"head/aab/tail", b"head/ab/tail", 1), Some(1));
        assert_eq!(edits(b"head/abc/tail", b"head/cab/tail", 2), Some(2));
        assert_eq!(edits(b"head/abc/tail", b"head/xyz/tail", 2), None);
    }
}
