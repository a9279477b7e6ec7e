//! Weights as bytes that were chosen on examples, and the file that they are kept in.
//!
//! It has, for each product and little-endian: the length of the name of what it makes, the numbers of its filters and of their weights,
//! all of 32 bits, the name, a step a filter in double precision, and the bytes in the order `[filters, depth, height, width]`.

use std::collections::BTreeMap;

use super::terms::Terms;

/// The weights of one product.
#[derive(Clone, Debug, PartialEq)]
pub struct Rounded {
    /// What one step of each filter's bytes stands for.
    pub(crate) steps: Vec<f64>,
    /// The weights, the filters first.
    pub(crate) bytes: Vec<i8>,
}

impl Rounded {
    /// Whether they were rounded for these steps; those of a filter without weights do not count.
    pub(crate) fn fits(&self, terms: &Terms) -> bool {
        let alike = |(own, (filter, step)): (&f64, (&[f64], f64))| *own == step || filter.iter().all(|&term| term == 0.0);
        self.steps.len() == terms.steps.len() && self.bytes.len() == terms.values.len() && self.steps.iter().zip(terms.filters()).all(alike)
    }
}

/// How many bytes the file has of a product.
pub(crate) fn length(terms: &Terms) -> u64 {
    let figures = 3 * size_of::<u32>();
    (figures + terms.output.len() + size_of_val(&terms.steps[..]) + terms.values.len()) as u64
}

/// The file's bytes; none where a figure does not fit into 32 bits.
pub(crate) fn written(products: &BTreeMap<String, Rounded>) -> Option<Vec<u8>> {
    let mut file = Vec::new();
    for (name, Rounded { steps, bytes }) in products {
        for figure in [name.len(), steps.len(), bytes.len()] {
            file.extend(u32::try_from(figure).ok()?.to_le_bytes());
        }
        file.extend(name.as_bytes());
        file.extend(steps.iter().flat_map(|step| step.to_le_bytes()));
        file.extend(bytes.iter().map(|byte| byte.cast_unsigned()));
    }
    Some(file)
}

/// What a file has; none where it is not of this form.
pub(crate) fn read(mut file: &[u8]) -> Option<BTreeMap<String, Rounded>> {
    let mut products = BTreeMap::new();
    while !file.is_empty() {
        let [name, steps, bytes] = [figure(&mut file)?, figure(&mut file)?, figure(&mut file)?];
        let name = std::str::from_utf8(part(&mut file, name)?).ok()?.to_owned();
        let steps = part(&mut file, steps.checked_mul(size_of::<f64>())?)?;
        let steps = steps.as_chunks().0.iter().map(|&step| f64::from_le_bytes(step)).collect();
        let bytes = part(&mut file, bytes)?.iter().map(|byte| byte.cast_signed()).collect();
        products.insert(name, Rounded { steps, bytes });
    }
    Some(products)
}

fn figure(file: &mut &[u8]) -> Option<usize> {
    let bytes = part(file, size_of::<u32>())?;
    usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
}

/// Takes the first bytes off.
fn part<'a>(file: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (part, rest) = file.split_at_checked(length)?;
    *file = rest;
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::window::Window;

    #[test]
    fn a_length_is_known_before_the_bytes_are() {
        let terms = Terms {
            output: "name".to_owned(),
            input: "x".to_owned(),
            scale: vec![1.0],
            zero: 0,
            window: Window::pointwise(),
            group: 1,
            values: vec![0.5; 6],
            steps: vec![0.1, 2.0],
        };
        let product = Rounded { steps: terms.steps.clone(), bytes: terms.nearest() };
        let file = written(&BTreeMap::from([(terms.output.clone(), product)])).unwrap();
        assert_eq!(length(&terms), file.len() as u64);
    }

    #[test]
    fn products_read_back_and_halves_do_not() {
        let one = Rounded { steps: vec![0.1, 2.0], bytes: vec![-127, 0, 5, 127] };
        let products = BTreeMap::from([("y".to_owned(), one), ("none".to_owned(), Rounded { steps: vec![], bytes: vec![] })]);
        let file = written(&products).unwrap();
        assert_eq!(read(&file), Some(products));
        // The product without weights comes first and is whole by itself.
        let whole = [0, 3 * size_of::<u32>() + "none".len(), file.len()];
        for length in 0..=file.len() {
            assert_eq!(read(&file[..length]).is_some(), whole.contains(&length), "{length}");
        }
    }
}
