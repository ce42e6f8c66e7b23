//! Measures variants of one thing in turn and prints how far each is from the first.
//!
//! The machine is shared and noisy, and its noise comes in spells that last longer than a
//! figure. So the variants take turns in small rounds (A B A B …) within one run: a spell hits
//! all of them, and the ratio of their medians holds where the figures themselves do not.
//!
//! ```text
//! cargo bench -p procession --bench start              everything
//! cargo bench -p procession --bench start -- joined    rows whose name contains "joined"
//! cargo bench -p procession -- --quick                 a few small rounds: does it run at all
//! BENCH_ROUNDS=500 cargo bench -p procession           as many rounds for every row
//! taskset -c 0 cargo bench -p procession --bench lane  both sides on one core
//! ```
//!
//! Whoever starts a bench without the `--bench` that `cargo bench` passes gets the quick mode:
//! `cargo test --all-targets` shall find out that it runs, not how fast.

#[allow(dead_code, reason = "only conversations have messages")]
pub(crate) mod messages;
#[allow(dead_code, reason = "only conversations care where their sides run")]
pub(crate) mod place;

use std::env;

/// What the command line and the environment ask for.
pub(crate) struct Bench {
    filter: Option<String>,
    rounds: Option<usize>,
    quick: bool,
}

/// What is measured: one table of the output.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    name: &'static str,
    unit: &'static str,
}

/// How far a variant may be from the reference, which is the first variant of its group.
#[derive(Clone, Copy)]
#[allow(dead_code, reason = "each bench states the goals that it has")]
pub(crate) enum Goal {
    /// At most this many times the reference.
    AtMost(f64),
    /// At least this many times the reference.
    AtLeast(f64),
    /// At most this figure in the row's unit, whatever the reference has.
    Within(f64),
    /// None: a rival, or a figure to look at.
    None,
}

/// Rows whose figures come out of the same measurement, as "to the value" and "joined" do.
pub(crate) struct Group<const ROWS: usize> {
    rows: [Row; ROWS],
    rounds: usize,
    variants: Vec<Variant<ROWS>>,
    races: Vec<[&'static str; 2]>,
    rivals: Vec<([&'static str; 2], f64)>,
}

struct Variant<const ROWS: usize> {
    name: &'static str,
    goals: [Goal; ROWS],
    measure: Box<dyn FnMut() -> [f64; ROWS]>,
    figures: Vec<[f64; ROWS]>,
}

impl Bench {
    pub(crate) fn from_args() -> Bench {
        let args: Vec<String> = env::args().skip(1).collect();
        let given = |flag: &str| args.iter().any(|arg| arg == flag);
        let rounds = env::var("BENCH_ROUNDS").ok();
        Bench {
            filter: args.iter().find(|arg| !arg.starts_with('-')).cloned(),
            rounds: rounds.map(|rounds| rounds.parse().expect("BENCH_ROUNDS is a number")),
            quick: given("--quick") || !given("--bench"),
        }
    }

    /// A group of these rows, or `None` if the filter names none of them.
    pub(crate) fn group<const ROWS: usize>(
        &self,
        rounds: usize,
        rows: [Row; ROWS],
    ) -> Option<Group<ROWS>> {
        let wanted = |row: &Row| self.filter.as_ref().is_none_or(|part| row.name.contains(part));
        let rounds = self.rounds.unwrap_or(if self.quick { 3 } else { rounds }).max(1);
        rows.iter().any(wanted).then(|| Group {
            rows,
            rounds,
            variants: Vec::new(),
            races: Vec::new(),
            rivals: Vec::new(),
        })
    }

    #[allow(dead_code, reason = "starting a child is not repeated within a round")]
    /// How often to repeat within a round: `full`, or a hundredth of it in quick mode.
    pub(crate) fn batch(&self, full: usize) -> usize {
        if self.quick { full.div_ceil(100) } else { full }
    }
}

impl<const ROWS: usize> Group<ROWS> {
    /// Adds a variant; the first is the reference. `measure` gives one figure for each row and owns
    /// what it measures: children that stay for the whole run stay in it.
    pub(crate) fn variant(
        &mut self,
        name: &'static str,
        goals: [Goal; ROWS],
        measure: impl FnMut() -> [f64; ROWS] + 'static,
    ) {
        let figures = Vec::with_capacity(self.rounds);
        self.variants.push(Variant { name, goals, measure: Box::new(measure), figures });
    }

    /// Has it said in how many rounds one variant had a smaller figure than another: the goal is all of them.
    #[allow(dead_code, reason = "not every bench has rivals")]
    pub(crate) fn race(&mut self, variant: &'static str, rival: &'static str) {
        self.races.push([variant, rival]);
    }

    /// Has it said whether one variant has so many times the figure of another, if that one is there.
    #[allow(dead_code, reason = "not every bench has rivals")]
    pub(crate) fn against(&mut self, variant: &'static str, rival: &'static str, least: f64) {
        self.rivals.push(([variant, rival], least));
    }

    /// Runs the rounds and prints a table for each row.
    pub(crate) fn run(mut self) {
        // The first round faults pages in and wakes cores; it is thrown away.
        for variant in &mut self.variants {
            (variant.measure)();
        }
        for _ in 0..self.rounds {
            for variant in &mut self.variants {
                let figure = (variant.measure)();
                variant.figures.push(figure);
            }
        }
        for row in 0..ROWS {
            self.print(row);
        }
    }

    fn print(&self, row: usize) {
        let Row { name, unit } = self.rows[row];
        let title = format!("{name} ({unit}, {} rounds)", self.rounds);
        println!("\n{title:<52} {:>10} {:>10} {:>10} {:>7}  goal", "median", "min", "max", "ratio");
        let mut reference = None;
        for variant in &self.variants {
            let mut figures: Vec<f64> = variant.figures.iter().map(|figure| figure[row]).collect();
            figures.sort_by(f64::total_cmp);
            let median = median(&figures);
            let ratio = median / *reference.get_or_insert(median);
            let (min, max) = (short(figures[0]), short(figures[figures.len() - 1]));
            let verdict = variant.goals[row].verdict(median, ratio, unit);
            let (name, median) = (variant.name, short(median));
            // Nothing is a multiple of nothing.
            let ratio = if ratio.is_finite() { format!("{ratio:.2}") } else { "-".to_owned() };
            println!("  {name:<50} {median:>10} {min:>10} {max:>10} {ratio:>7}  {verdict}");
        }
        for [name, rival] in &self.races {
            let figures = self.figures(name, row).into_iter().zip(self.figures(rival, row));
            let won = figures.filter(|(own, other)| own < other).count();
            let verdict = if won == self.rounds { "met" } else { "MISSED" };
            println!("  {name} before {rival} in {won} of {} rounds: {verdict}", self.rounds);
        }
        for ([name, rival], least) in &self.rivals {
            let [mut own, mut other] = [name, rival].map(|of| self.figures(of, row));
            if other.is_empty() {
                continue;
            }
            [&mut own, &mut other].into_iter().for_each(|it| it.sort_by(f64::total_cmp));
            let ratio = median(&own) / median(&other);
            let verdict = Goal::AtLeast(*least).verdict(0.0, ratio, "");
            println!("  {name} against {rival}: {ratio:.2} x, {verdict}");
        }
    }

    /// The figures of a variant, round by round; none if there is no such variant.
    fn figures(&self, name: &str, row: usize) -> Vec<f64> {
        let variant = self.variants.iter().find(|variant| variant.name == name);
        let figures = variant.into_iter().flat_map(|variant| &variant.figures);
        figures.map(|figure| figure[row]).collect()
    }
}

impl Row {
    pub(crate) const fn new(name: &'static str, unit: &'static str) -> Row {
        Row { name, unit }
    }
}

impl Goal {
    fn verdict(self, median: f64, ratio: f64, unit: &str) -> String {
        let (goal, met) = match self {
            Goal::AtMost(times) => (format!("at most {times} x"), ratio <= times),
            Goal::AtLeast(times) => (format!("at least {times} x"), ratio >= times),
            Goal::Within(figure) => (format!("at most {figure} {unit}"), median <= figure),
            Goal::None => return String::new(),
        };
        format!("{goal}: {}", if met { "met" } else { "MISSED" })
    }
}

/// The middle of sorted figures.
fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    }
}

/// Three digits that say something, however large the figure.
fn short(figure: f64) -> String {
    match figure.abs() {
        size if size < 10.0 => format!("{figure:.3}"),
        size if size < 100.0 => format!("{figure:.2}"),
        size if size < 1000.0 => format!("{figure:.1}"),
        _ => format!("{figure:.0}"),
    }
}
