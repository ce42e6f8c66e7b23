//! Whichever way a parent ends, no descendant is left two seconds later, whatever it was doing.

use std::io::Write;
use std::process::Command;
use std::time::Duration;

use procession::{Child, process};
use procession_tests::{LIMIT, Over, Place, Running, again, as_program, eventually, marked};

/// What a descendant is busy with when its parent dies.
#[process]
fn busy(with: String, depth: u32) {
    // The levels below, so that all of them die: not only those whose parent was killed.
    let _below = (depth > 1).then(|| start(&with, depth - 1));
    match with.as_str() {
        "computing" => loop {
            std::hint::spin_loop();
        },
        "sleeping" => loop {
            std::thread::park();
        },
        "waiting to be stopped" => procession::stopping().wait(),
        "printing" => loop {
            println!("{}", "x".repeat(1_000));
        },
        "blocked printing" => {
            // Nobody reads this one.
            let (_reader, mut writer) = std::io::pipe().unwrap();
            loop {
                let _ = writer.write_all(&[0; 4_096]);
            }
        }
        "deaf to signals" => {
            for signal in [libc::SIGTERM, libc::SIGHUP, libc::SIGINT] {
                // SAFETY: ignoring a signal installs no code.
                unsafe { libc::signal(signal, libc::SIG_IGN) };
            }
            loop {
                std::thread::park();
            }
        }
        "frozen" => loop {
            // SAFETY: the call touches no memory.
            unsafe { libc::raise(libc::SIGSTOP) };
        },
        "in a child of its own" => {
            // A plain command that the runtime has never heard of is not its to end, so this one
            // ends by itself when its input does.
            let _ = Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap().wait();
        }
        other => panic!("{other}"),
    }
}

fn start(with: &str, depth: u32) -> Child<()> {
    // Both carriers, in turn.
    let over = if depth.is_multiple_of(2) { Over::Usual } else { Over::Frames };
    over.builder::<busy>().spawn((with.to_owned(), depth)).unwrap()
}

const WHAT: [&str; 7] = [
    "computing",
    "sleeping",
    "waiting to be stopped",
    "printing",
    "blocked printing",
    "deaf to signals",
    "frozen",
];

const DEPTH: u32 = 3;

/// The entry in the environment that all processes of one run have in common.
fn mark(run: &str) -> (String, String) {
    let value = format!("{run}-{}", std::process::id());
    (format!("PROCESSION_TESTS_MARK={value}"), value)
}

/// Starts a family three levels deep and has its head end in some way.
fn assert_none_left(mut command: Command, run: &str, end: impl Fn(&mut Running)) {
    let place = Place::new();
    command.env("TMPDIR", place.path());
    for with in WHAT {
        let (entry, value) = mark(&format!("{run} {with}"));
        command.env("PROCESSION_TESTS_MARK", value).env("WITH", with);
        let mut head = Running::start(again(&command));
        head.hear("family");
        // One that is frozen right after a start holds up nobody: its child has all that it needs. Over
        // frames the arguments may not be there yet.
        let below = if with == "frozen" && Over::Usual.is_frames() { 2 } else { DEPTH as usize };
        let all = || (1 + below..=1 + DEPTH as usize).contains(&marked(&entry).len());
        assert!(procession_tests::soon(LIMIT, all), "{with}: {:?}", marked(&entry));

        end(&mut head);
        head.end();

        let none = || marked(&entry).is_empty();
        assert!(procession_tests::soon(Duration::from_secs(2), none), "{with}: some are left");
    }
}

/// What the head of a family does.
fn head_of_a_family(then: impl FnOnce()) {
    let _child = start(&std::env::var("WITH").unwrap(), DEPTH);
    println!("family");
    then();
}

fn wait_for_ever() {
    loop {
        std::thread::park();
    }
}

#[test]
fn a_parent_that_is_killed_leaves_no_descendant() {
    let program = as_program(|| head_of_a_family(wait_for_ever));
    assert_none_left(program, "killed", |head| head.signal(libc::SIGKILL));
}

#[test]
fn a_parent_that_is_terminated_leaves_no_descendant() {
    let program = as_program(|| head_of_a_family(wait_for_ever));
    assert_none_left(program, "terminated", |head| head.signal(libc::SIGTERM));
}

#[test]
fn a_parent_that_crashes_leaves_no_descendant() {
    let program = as_program(|| head_of_a_family(wait_for_ever));
    assert_none_left(program, "crashed", |head| head.signal(libc::SIGABRT));
}

/// Waits until the test says so: by then the descendants are there.
fn wait_for_a_word() {
    println!("family is to wait");
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn a_parent_that_panics_leaves_no_descendant() {
    let program = as_program(|| {
        head_of_a_family(|| {
            wait_for_a_word();
            panic!("the parent panics");
        });
    });
    assert_none_left(program, "panicked", Running::tell);
}

#[test]
fn a_parent_that_exits_without_a_word_to_its_children_leaves_none() {
    let program = as_program(|| {
        head_of_a_family(|| {
            std::mem::forget(start("sleeping", 1));
            start("sleeping", 1).detach();
            wait_for_a_word();
            std::process::exit(0);
        });
    });
    let mut command = again(&program);
    let (entry, value) = mark("exited");
    command.env("PROCESSION_TESTS_MARK", value).env("WITH", "sleeping");
    let mut head = Running::start(command);
    head.hear("to wait");
    eventually(LIMIT, || marked(&entry).len() == 3 + DEPTH as usize);
    head.tell();
    assert!(head.end().success());

    eventually(Duration::from_secs(2), || marked(&entry).is_empty());
}

/// The kernel has not been told yet with whom such a child is to die.
#[test]
fn a_parent_that_dies_at_any_moment_of_a_start_leaves_no_descendant() {
    let program = as_program(|| {
        println!("family");
        loop {
            // Never joined: the parent dies somewhere in here.
            let children: Vec<_> = (0..4).map(|_| start("sleeping", 1)).collect();
            drop(children);
        }
    });
    let (entry, value) = mark("starting");
    let place = Place::new();
    for _ in 0..15 {
        let mut command = again(&program);
        command.env("PROCESSION_TESTS_MARK", &value).env("TMPDIR", place.path());
        let mut head = Running::start(command);
        head.hear("family");
        eventually(LIMIT, || marked(&entry).len() > 2);
        head.signal(libc::SIGKILL);
        head.end();
        eventually(Duration::from_secs(2), || marked(&entry).is_empty());
    }
}

#[test]
fn a_worker_in_the_middle_that_is_killed_takes_those_below_it_along() {
    let (entry, value) = mark("middle");
    let place = Place::new();
    let child = busy::builder().env("PROCESSION_TESTS_MARK", value).env("TMPDIR", place.path());
    let child = child.spawn(("sleeping".to_owned(), DEPTH)).unwrap();
    eventually(LIMIT, || marked(&entry).len() == DEPTH as usize);

    child.kill().unwrap();

    eventually(Duration::from_secs(2), || marked(&entry).is_empty());
}

#[test]
fn a_parent_that_becomes_another_program_leaves_no_descendant() {
    use std::os::unix::process::CommandExt;
    let program = as_program(|| {
        head_of_a_family(|| {
            wait_for_a_word();
            let error = Command::new("sleep").arg("0").exec();
            panic!("{error}");
        });
    });
    let (entry, value) = mark("another program");
    let mut command = again(&program);
    command.env("PROCESSION_TESTS_MARK", value).env("WITH", "sleeping");
    let mut head = Running::start(command);
    head.hear("to wait");
    head.tell();
    assert!(head.end().success());

    eventually(Duration::from_secs(2), || marked(&entry).is_empty());
}
