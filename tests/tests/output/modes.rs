//! Where output goes: on as lines, behind a prefix, kept, inherited, thrown away.

use procession::{Output, process};
use procession_tests::{BOTH, Running, as_program, value_of};

#[process]
fn talk(text: String) -> u32 {
    println!("out {text}");
    eprintln!("err {text}");
    print!("last {text}");
    std::process::id()
}

fn told(mut program: Running) -> (String, String) {
    assert!(program.end().success());
    let (printed, complained) = program.told();
    let ours = |line: &&str| line.contains("hello");
    let only = |text: String| text.lines().filter(ours).collect::<Vec<_>>().join("\n");
    (only(printed), only(complained))
}

#[test]
fn lines_are_passed_on_as_they_were_written() {
    let program = as_program(|| {
        for over in BOTH {
            println!();
            value_of(over.builder::<talk>().spawn("hello".into()).unwrap()).unwrap();
        }
    });
    let (printed, complained) = told(Running::start(program));
    assert_eq!(printed, "out hello\nlast hello\nout hello\nlast hello");
    assert_eq!(complained, "err hello\nerr hello");
}

#[test]
fn a_prefix_names_the_process_and_its_pid_on_every_line() {
    let program = as_program(|| {
        println!();
        let builder = talk::builder().name("talker").stdout(Output::Prefixed);
        let child = builder.stderr(Output::Prefixed).spawn("hello\nhello again".into()).unwrap();
        println!("pid={}", child.pid());
        value_of(child).unwrap();
    });
    let mut program = Running::start(program);
    let pid = program.hear("pid=");
    let (printed, complained) = told(program);
    assert_eq!(printed.lines().count(), 4);
    assert_eq!(complained.lines().count(), 2);
    for line in printed.lines().chain(complained.lines()) {
        assert!(line.contains("talker") && line.contains(&pid), "{line}");
    }
    assert!(printed.lines().next().unwrap().ends_with("out hello"), "{printed}");
}

#[test]
fn what_is_captured_is_kept_and_not_passed_on() {
    let program = as_program(|| {
        let builder = talk::builder().stdout(Output::Captured).stderr(Output::Captured);
        let child = builder.spawn("hello".into()).unwrap();
        child.wait();
        let tail = child.output_tail();
        assert_eq!((&*tail.stdout, &*tail.stderr), ("out hello\nlast hello", "err hello\n"));
    });
    assert_eq!(told(Running::start(program)), (String::new(), String::new()));
}

#[test]
fn what_is_inherited_is_written_straight_and_not_kept() {
    let program = as_program(|| {
        println!();
        let builder = talk::builder().stdout(Output::Inherit).stderr(Output::Inherit);
        let child = builder.spawn("hello".into()).unwrap();
        child.wait();
        assert_eq!(child.output_tail(), procession::OutputTail::default());
    });
    let (printed, complained) = told(Running::start(program));
    assert_eq!((&*printed, &*complained), ("out hello\nlast hello", "err hello"));
}

#[test]
fn what_is_thrown_away_is_gone() {
    let program = as_program(|| {
        let builder = talk::builder().stdout(Output::Null).stderr(Output::Null);
        let child = builder.spawn("hello".into()).unwrap();
        child.wait();
        assert_eq!(child.output_tail(), procession::OutputTail::default());
    });
    assert_eq!(told(Running::start(program)), (String::new(), String::new()));
}

/// Under `cargo test` without `--nocapture`, where a failing test shows its own output only.
#[test]
fn the_test_harness_captures_what_children_print() {
    let program = as_program(|| {
        value_of(talk::spawn("hello".into()).unwrap()).unwrap();
    });
    let mut captured = std::process::Command::new(program.get_program());
    captured.args(program.get_args().filter(|arg| *arg != "--nocapture"));
    for (name, value) in program.get_envs() {
        captured.env(name, value.unwrap());
    }
    assert_eq!(told(Running::start(captured)), (String::new(), String::new()));
}
