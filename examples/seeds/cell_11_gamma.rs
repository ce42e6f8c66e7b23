//! A function of mathematics over a list, with a pool that is closed and joined.
//!
//! The notebook mapped `math.gamma` over eleven numbers on four processes, closed the pool, joined it,
//! and printed the results.
//!
//! Notice:
//! - `join` closes by itself. It is an error to forget that in Python.
//! - Python prints the list as it was written, `1` beside `0.5`, and every result as a float. So `{}`
//!   prints the first here and `{:?}` the second.
//! - `math.gamma` is a formula of its own and not that of the C library, whose last digit differs at
//!   0.5. What is called in the workers is the same formula, written down below.

use procession::{Pool, process};

#[process]
fn calc_gamma(x: f64) -> f64 {
    gamma(x)
}

fn main() -> Result<(), procession::Error> {
    let values = [0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0];
    let pool = Pool::new(4)?;
    let results = pool.map::<calc_gamma>(values)?;
    pool.join()?;
    for (value, result) in values.iter().zip(results) {
        println!("Gamma({value}) = {result:?}");
    }
    Ok(())
}

/// The gamma function for 0 < x < 140: exactly for whole numbers, by Lanczos's approximation for
/// others (C. Lanczos, "A precision approximation of the gamma function", 1964; N = 13).
fn gamma(x: f64) -> f64 {
    if x.fract() == 0.0 && x <= 23.0 {
        return (1..x as u64).product::<u64>() as f64;
    }
    let y = x + G_MINUS_HALF;
    // What rounding took from y or added to it.
    let lost = if x > G_MINUS_HALF { y - x - G_MINUS_HALF } else { y - G_MINUS_HALF - x };
    let correction = lost * (G_MINUS_HALF + 0.5) / y;
    let result = lanczos_sum(x) / y.exp();
    (result - correction * result) * y.powf(x - 0.5)
}

const G_MINUS_HALF: f64 = 5.52468004077673;

/// Numerator and denominator of the sum, the factors of the lowest power first.
const FACTORS: [(f64, f64); 13] = [
    (23531376880.41076, 0.0),
    (42919803642.6491, 39916800.0),
    (35711959237.35567, 120543840.0),
    (17921034426.03721, 150917976.0),
    (6039542586.352028, 105258076.0),
    (1439720407.3117218, 45995730.0),
    (248874557.86205417, 13339535.0),
    (31426415.585400194, 2637558.0),
    (2876370.6289353725, 357423.0),
    (186056.2653952235, 32670.0),
    (8071.672002365816, 1925.0),
    (210.82427775157936, 66.0),
    (2.5066282746310002, 1.0),
];

fn lanczos_sum(x: f64) -> f64 {
    let (mut above, mut below) = (0.0, 0.0);
    if x < 5.0 {
        for (p, q) in FACTORS.into_iter().rev() {
            (above, below) = (above * x + p, below * x + q);
        }
    } else {
        for (p, q) in FACTORS {
            (above, below) = (above / x + p, below / x + q);
        }
    }
    above / below
}
