//! Sums over stretches of sound, as the processor likes them.

/// So many sums are made side by side, which the processor does at once. One sum, each addition after the other, takes
/// several times as long, and a compiler may not change the order of additions by itself.
pub(crate) const LANES: usize = 16;

/// The sum of the products of two stretches, as long as the shorter one.
pub(crate) fn sum_of_products(a: &[f32], b: &[f32]) -> f32 {
    let length = a.len().min(b.len());
    let (a, a_rest) = a[..length].as_chunks::<LANES>();
    let (b, b_rest) = b[..length].as_chunks::<LANES>();
    let mut sums = [0.0f32; LANES];
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    // In pairs, for the same reason.
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums[0] + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_product_is_in_the_sum_whatever_the_lengths() {
        let ones = [1.0f32; 100];
        let counted: Vec<f32> = (1..=100u8).map(f32::from).collect();
        for (a, b) in [(0, 100), (1, 1), (15, 100), (16, 16), (40, 100), (100, 99)] {
            let length = a.min(b);
            let expected = (length * (length + 1) / 2) as f32;
            let got = sum_of_products(&ones[..a], &counted[..b]);
            assert!((got - expected).abs() < 0.01, "{a} and {b}: {got}");
        }
    }
}
