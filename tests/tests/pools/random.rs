//! Scripts of tasks that nobody thought of: each comes to the end that a model gives it.

use procession::{Output, TaskError, TaskFailure};
use procession_tests::{BOTH, LIMIT, Over, within};
use proptest::prelude::*;

use super::work::{Act, Files, act, builder, noted};

#[derive(Clone, Copy, Debug)]
enum What {
    Value,
    Slow,
    Panic,
    Abort,
    Exit,
    Kill,
    Forever,
}

/// What a task does, and how often before it gives its value after all.
#[derive(Clone, Copy, Debug)]
struct Script {
    what: What,
    times: u32,
}

#[derive(Clone, Copy, Debug)]
enum How {
    Map,
    Stream,
    Unordered,
    Submit,
}

#[derive(Clone, Debug)]
struct Run {
    over: bool,
    how: How,
    workers: usize,
    retries: u32,
    poison_after: u32,
    chunk: Option<usize>,
    most: Option<usize>,
    scripts: Vec<Script>,
}

/// How a task ends, and how often it runs.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Value,
    Panicked,
    Crashed,
    TimedOut,
    Poisoned,
}

fn model(script: Script, run: &Run) -> (End, u32) {
    let mut crashes = 0;
    for attempt in 1.. {
        let end = match script.what {
            _ if attempt > script.times => return (End::Value, attempt),
            What::Value | What::Slow => return (End::Value, attempt),
            What::Panic => End::Panicked,
            What::Forever => End::TimedOut,
            What::Abort | What::Exit | What::Kill => {
                crashes += 1;
                if run.retries > 0 && crashes >= run.poison_after {
                    return (End::Poisoned, attempt);
                }
                End::Crashed
            }
        };
        if attempt > run.retries {
            return (end, attempt);
        }
    }
    unreachable!("the attempts are counted")
}

fn end_of(result: &Result<u64, TaskError>) -> End {
    match result.as_ref().map_err(TaskError::failure) {
        Ok(_) => End::Value,
        Err(TaskFailure::Panicked(_)) => End::Panicked,
        Err(TaskFailure::Crashed(_)) => End::Crashed,
        Err(TaskFailure::TimedOut(_)) => End::TimedOut,
        Err(TaskFailure::Poisoned { .. }) => End::Poisoned,
        Err(other) => panic!("{other}"),
    }
}

fn check(run: Run) {
    let files = Files::new();
    let tries: Vec<_> = run.scripts.iter().map(|_| files.file()).collect();
    let items: Vec<Act> = (0..)
        .zip(run.scripts.iter().zip(&tries))
        .map(|(n, (script, file))| {
            let what = match script.what {
                What::Value => Act::Give(n),
                What::Slow => Act::Nap(n % 7),
                What::Panic => Act::Panic,
                What::Abort => Act::Abort,
                What::Exit => Act::Exit((n % 2) as i32),
                What::Kill => Act::Signal(libc::SIGKILL),
                What::Forever => Act::Spin,
            };
            let times = u64::from(script.times) + 1;
            Act::Until(file.clone(), times, n, Box::new(what))
        })
        .collect();
    let over = BOTH[usize::from(run.over)];
    let mut pool = builder(over).workers(run.workers).stderr(Output::Null);
    if let Some(most) = run.most {
        pool = pool.max_tasks_per_worker(most);
    }
    let pool = pool.build().unwrap();
    let tasks = || {
        let limit = std::time::Duration::from_secs(
            // Where nothing takes for ever, nothing is to be cut short by a busy machine.
            if run.scripts.iter().any(|one| matches!(one.what, What::Forever)) { 1 } else { 60 },
        );
        let tasks = pool.tasks::<act>().retries(run.retries).poison_after(run.poison_after);
        let tasks = tasks.timeout(limit);
        if let Some(size) = run.chunk { tasks.chunk_size(size) } else { tasks }
    };
    let results: Vec<Result<u64, TaskError>> = match run.how {
        How::Map => tasks().try_map(items),
        How::Stream => tasks().stream(items).collect(),
        How::Unordered => {
            let mut all: Vec<_> = tasks().stream(items).unordered().collect();
            let at = |result: &Result<u64, TaskError>| match result {
                // A nap gives how long it was, so those are found by what is left.
                Ok(value) => *value,
                Err(error) => error.item().unwrap(),
            };
            let values = run.scripts.iter().all(|one| !matches!(one.what, What::Slow));
            if values {
                all.sort_by_key(at);
            }
            all
        }
        How::Submit => {
            let tickets: Vec<_> =
                items.into_iter().map(|item| tasks().submit(item).unwrap()).collect();
            tickets.into_iter().map(procession::Task::join).collect()
        }
    };
    assert_eq!(results.len(), run.scripts.len());
    let slow = run.scripts.iter().any(|one| matches!(one.what, What::Slow));
    let in_order = !(matches!(run.how, How::Unordered) && slow);
    for (n, script) in run.scripts.iter().enumerate() {
        let (end, attempts) = model(*script, &run);
        let ran = noted(&tries[n]).len();
        assert_eq!(ran, attempts as usize, "{over:?}, item {n} of {run:?}");
        if !in_order {
            continue;
        }
        assert_eq!(end_of(&results[n]), end, "{over:?}, item {n} of {run:?}: {:?}", results[n]);
        if let Err(error) = &results[n] {
            assert_eq!(error.attempts(), attempts, "{error}");
            let item = (!matches!(run.how, How::Submit)).then_some(n as u64);
            assert_eq!(error.item(), item);
        }
    }
    pool.join().unwrap();
    let progress = pool.progress();
    assert_eq!(progress.done + progress.failed, results.len() as u64, "{progress}");
    let failed = results.iter().filter(|result| result.is_err()).count();
    assert_eq!(progress.failed, failed as u64, "{progress}");
}

fn scripts() -> impl Strategy<Value = Vec<Script>> {
    let what = prop_oneof![
        20 => Just(What::Value),
        6 => Just(What::Slow),
        3 => Just(What::Panic),
        2 => Just(What::Abort),
        2 => Just(What::Exit),
        2 => Just(What::Kill),
        1 => Just(What::Forever),
    ];
    let script = (what, 1_u32..5).prop_map(|(what, times)| Script { what, times });
    proptest::collection::vec(script, 0..40).prop_map(|mut scripts| {
        // Each of these takes a second.
        let mut forever = 0;
        scripts.retain(|script| {
            forever += u32::from(matches!(script.what, What::Forever));
            !matches!(script.what, What::Forever) || forever <= 1
        });
        scripts
    })
}

fn runs() -> impl Strategy<Value = Run> {
    let how =
        prop_oneof![Just(How::Map), Just(How::Stream), Just(How::Unordered), Just(How::Submit)];
    let chunk = prop_oneof![2 => Just(None), 1 => (1_usize..20).prop_map(Some)];
    let most = prop_oneof![2 => Just(None), 1 => (1_usize..9).prop_map(Some)];
    let numbers = (1_usize..4, 0_u32..4, 1_u32..5);
    (any::<bool>(), how, numbers, chunk, most, scripts()).prop_map(
        |(over, how, (workers, retries, poison_after), chunk, most, scripts)| Run {
            over,
            how,
            workers,
            retries,
            poison_after,
            chunk,
            most,
            scripts,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 50, ..Default::default() })]

    #[test]
    fn every_task_of_any_script_ends_as_the_model_says(run in runs()) {
        within(4 * LIMIT, move || check(run));
    }
}

#[test]
fn one_script_over_both_carriers() {
    use What::{Abort, Exit, Kill, Panic, Slow, Value};
    for over in [Over::Usual, Over::Frames] {
        let scripts = [Value, Panic, Value, Abort, Slow, Exit, Value, Kill, Value];
        let scripts = scripts.into_iter().cycle().take(36);
        let scripts = scripts.zip((1..4).cycle()).map(|(what, times)| Script { what, times });
        let (how, workers, retries, poison_after) = (How::Map, 3, 2, 2);
        check(Run {
            over: over == Over::Frames,
            how,
            workers,
            retries,
            poison_after,
            chunk: None,
            most: None,
            scripts: scripts.collect(),
        });
    }
}
