//! What keeps a mistake from becoming a fork bomb. Each of these programs would be one without
//! its guard.

use procession::{SpawnError, process};

use crate::family::run;
use crate::outside::{built, program};
use crate::variable;

/// Starts itself until it is refused: how many are above the last one, and what it was told. It
/// gives up where the runtime should long have.
#[process]
fn dive(depth: u32) -> (u32, String) {
    if depth == 20 {
        return (depth, "nobody stopped it".to_owned());
    }
    match dive::spawn(depth + 1) {
        Ok(child) => child.join().unwrap(),
        Err(error @ SpawnError::TooDeep { depth: said, .. }) => {
            assert_eq!(said, depth);
            (depth, error.to_string())
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_function_that_starts_itself_is_stopped_16_processes_deep() {
    let (depth, said) = dive::call(1).unwrap();

    assert_eq!(depth, 16, "{said}");
    let expected = "process `dive` was not started: there are 16 processes above it already";
    assert_eq!(said, expected);
}

#[test]
fn it_is_stopped_as_deep_where_workers_begin_in_init() {
    let ran = run(&mut program("init")).successfully();

    assert_eq!(ran.said("deepest"), "Ok(16)");
}

#[test]
fn a_set_up_that_starts_a_process_is_stopped() {
    let ran = run(program("setup").arg("spawn")).successfully();

    let said = ran.said("spawn");
    assert!(said.contains("there are 16 processes above it already"), "{said}");
}

#[test]
fn constructors_that_start_processes_are_stopped() {
    let ran = run(&mut program("early_bird")).successfully();

    assert_eq!(ran.stdout, "49\n49\n49\n");
}

const REFUSED: &str = "refused: process `square` was not started: this worker re-entered `main`";

#[test]
fn a_worker_whose_main_never_calls_init_cannot_start_another() {
    let ran = run(program("sometimes").env("PROCESSION_WORKER", variable::of_a_worker(true)));

    assert!(ran.stdout.starts_with(REFUSED), "{ran:#?}");
    assert_eq!(ran.stdout.lines().count(), 1, "{ran:#?}");
}

#[test]
fn a_worker_that_nothing_has_taken_over_cannot_start_another() {
    let ran =
        run(program("without_constructors").env("PROCESSION_WORKER", variable::of_a_worker(false)));

    assert!(ran.stdout.starts_with(REFUSED), "{ran:#?}");
    assert_eq!(ran.stdout.lines().count(), 1, "{ran:#?}");
}

/// The whole of it, with the real parent: who calls `init` at times only hears of it.
#[test]
fn a_program_that_calls_init_at_times_is_told_so() {
    let ran = run(program("sometimes").arg("by hand")).successfully();

    let (worker, program) = ran.stdout.split_once('\n').unwrap();
    assert!(worker.starts_with(REFUSED), "{ran:#?}");
    assert!(program.starts_with("joined: Err"), "{ran:#?}");
    assert!(program.contains("failed to start"), "{ran:#?}");
    assert!(program.contains("`procession::init()`"), "{ran:#?}");
}

#[test]
fn without_constructors_and_without_init_nothing_is_started_twice() {
    let ran = run(&mut program("without_constructors")).successfully();

    let (worker, program) = ran.stdout.split_once('\n').unwrap();
    assert!(worker.starts_with(REFUSED), "{ran:#?}");
    assert!(program.starts_with("joined: Err"), "{ran:#?}");
    assert!(program.contains("failed to start"), "{ran:#?}");
}

#[test]
fn without_constructors_init_is_the_entry() {
    let ran = run(program("without_constructors").env("CALL_INIT", "1")).successfully();

    assert_eq!(ran.stdout, "joined: Ok(49)\n");
}

#[test]
fn a_function_that_is_not_in_the_table_is_refused_before_anything_runs() {
    let ran = run(&mut program("sharer")).successfully();

    let expected = "process `cube` was not started: it is not in this program's table of processes";
    assert_eq!(ran.said("the program's"), expected);
}

#[test]
fn functions_beside_a_runtime_in_a_shared_library_are_in_the_table() {
    let ran = run(program("sharer").arg(built("sharer"))).successfully();

    assert_eq!(ran.said("the library's"), "49");
}
