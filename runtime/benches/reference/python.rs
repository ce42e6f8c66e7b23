//! What Python's `multiprocessing.Pool` does, where there is a `python3`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Reads how many tasks and which chunk size (0 for none given), or `primes` and numbers; says how many
/// seconds they took, and the sum of the results.
const PROGRAM: &str = r#"
import math, multiprocessing, sys, time

def square(n):
    return n * n

def primes_below(limit):
    return sum(all(n % d for d in range(2, math.isqrt(n) + 1)) for n in range(2, limit))

with multiprocessing.get_context("fork").Pool(2) as pool:
    for line in sys.stdin:
        first, *rest = line.split()
        if first == "primes":
            function, tasks, chunk = primes_below, [int(n) for n in rest], None
        else:
            function, tasks, chunk = square, range(int(first)), int(rest[0]) or None
        begun = time.perf_counter()
        results = pool.map(function, tasks, chunk)
        took = time.perf_counter() - begun
        assert len(results) == len(tasks)
        print(took, sum(results), flush=True)
"#;

pub(crate) struct Python {
    child: Child,
    asks: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Python {
    /// A pool of two workers, which stays; nothing if this machine has no Python.
    pub(crate) fn start() -> Option<Python> {
        let mut child = Command::new("python3")
            .args(["-c", PROGRAM])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let asks = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut python = Python { child, asks, answers };
        // A `python3` that cannot do this is as good as none.
        python.map(1, None)?;
        Some(python)
    }

    /// How many seconds it takes to square so many numbers.
    pub(crate) fn map(&mut self, count: usize, chunk: Option<usize>) -> Option<f64> {
        let (took, sum) = self.ask(format!("{count} {}", chunk.unwrap_or(0)))?;
        let n = count as u64 - 1;
        assert_eq!(sum, n * (n + 1) * (2 * n + 1) / 6);
        Some(took)
    }

    /// How many seconds it takes to count the primes below each of these, and how many there are in all.
    pub(crate) fn primes(&mut self, tasks: &[u32]) -> Option<(f64, u64)> {
        self.ask(tasks.iter().fold("primes".to_owned(), |line, limit| format!("{line} {limit}")))
    }

    fn ask(&mut self, question: String) -> Option<(f64, u64)> {
        writeln!(self.asks.as_mut()?, "{question}").ok()?;
        let mut line = String::new();
        self.answers.read_line(&mut line).ok()?;
        let (took, sum) = line.trim().split_once(' ')?;
        Some((took.parse().ok()?, sum.parse().ok()?))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // At the end of its input it ends its workers, and then itself.
        drop(self.asks.take());
        self.child.wait().expect("the child was not waited for");
    }
}
