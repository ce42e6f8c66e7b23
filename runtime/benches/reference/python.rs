//! What Python's `multiprocessing.Pool` does, where there is a `python3`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Reads how many tasks and which chunk size (0 for none given), says how many seconds they took.
const PROGRAM: &str = r#"
import multiprocessing, sys, time

def square(n):
    return n * n

with multiprocessing.get_context("fork").Pool(2) as pool:
    for line in sys.stdin:
        count, chunk = map(int, line.split())
        begun = time.perf_counter()
        results = pool.map(square, range(count), chunk or None)
        took = time.perf_counter() - begun
        assert len(results) == count and results[-1] == (count - 1) ** 2
        print(took, flush=True)
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
        writeln!(self.asks.as_mut()?, "{count} {}", chunk.unwrap_or(0)).ok()?;
        let mut line = String::new();
        self.answers.read_line(&mut line).ok()?;
        line.trim().parse().ok()
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // At the end of its input it ends its workers, and then itself.
        drop(self.asks.take());
        self.child.wait().expect("the child was not waited for");
    }
}
