//! How alike two computations of the same values are.

/// Sums over values and what they became.
#[derive(Clone, Copy, Debug, Default)]
pub struct Likeness {
    signal: f64,
    noise: f64,
    other: f64,
    product: f64,
}

impl Likeness {
    /// Adds values and what they became.
    pub fn add(&mut self, values: &[f32], became: &[f32]) {
        for (&value, &other) in values.iter().zip(became) {
            let (value, other) = (f64::from(value), f64::from(other));
            self.signal += value * value;
            self.noise += (value - other) * (value - other);
            self.other += other * other;
            self.product += value * other;
        }
    }

    /// Adds those of other values.
    pub fn merge(&mut self, more: &Likeness) {
        self.signal += more.signal;
        self.noise += more.noise;
        self.other += more.other;
        self.product += more.product;
    }

    /// Ratio of the values' power to that of the differences, in decibels; infinite where there are none.
    pub fn decibels(&self) -> f64 {
        if self.noise == 0.0 { f64::INFINITY } else { 10.0 * (self.signal / self.noise).log10() }
    }

    /// Cosine of the angle between both, as vectors; one where nothing differs.
    pub fn cosine(&self) -> f64 {
        if self.noise == 0.0 { 1.0 } else { self.product / (self.signal * self.other).sqrt() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_of_noise_is_twenty_decibels() {
        let mut likeness = Likeness::default();
        likeness.add(&[1.0, -2.0], &[1.1, -2.2]);
        likeness.add(&[3.0], &[2.7]);
        assert!((likeness.decibels() - 20.0).abs() < 1e-4);
        let product = 1.1 + 4.4 + 8.1;
        assert!((likeness.cosine() - product / (14.0 * (1.21 + 4.84 + 7.29_f64)).sqrt()).abs() < 1e-6);
        let mut same = Likeness::default();
        same.add(&[0.5], &[0.5]);
        assert_eq!((same.decibels(), same.cosine()), (f64::INFINITY, 1.0));
        assert_eq!((Likeness::default().decibels(), Likeness::default().cosine()), (f64::INFINITY, 1.0));
        same.merge(&likeness);
        assert!(same.decibels() > likeness.decibels() && same.decibels() < 21.0);
    }
}
