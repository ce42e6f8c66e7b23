//! `#[process]` from its user's side: what can be annotated, and what comes of it.

use std::sync::atomic::{AtomicUsize, Ordering};

use procession::{Process, process};
use serde::{Deserialize, Serialize};

#[process]
fn square(n: u64) -> u64 {
    n * n
}

#[process]
fn nothing() {}

#[process]
fn own_pid() -> u32 {
    std::process::id()
}

#[process]
fn join(mut left: String, _: u8, _unused: u8, right: Vec<String>) -> String {
    left.extend(right);
    left
}

#[process]
fn swap(pair: (u8, String)) -> (String, u8) {
    (pair.1, pair.0)
}

#[process]
fn unit(unit: ()) {
    unit
}

#[process]
fn parse(text: String) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text} is not a number"))
}

#[process]
#[expect(clippy::too_many_arguments, reason = "there is no limit to be met")]
fn sum(
    a: u8,
    b: u8,
    c: u8,
    d: u8,
    e: u8,
    f: u8,
    g: u8,
    h: u8,
    i: u8,
    j: u8,
    k: u8,
    l: u8,
    m: u8,
) -> u8 {
    [a, b, c, d, e, f, g, h, i, j, k, l, m].iter().sum()
}

#[process]
fn r#match(r#type: u64) -> u64 {
    r#type + 1
}

#[process(handle = Halve)]
fn std(n: u64) -> u64 {
    n / 2
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Circle { radius: f64 },
    Many(Vec<Shape>),
}

#[process]
fn grow(shape: Shape, by: f64) -> Shape {
    match shape {
        Shape::Circle { radius } => Shape::Circle { radius: radius * by },
        Shape::Many(shapes) => {
            Shape::Many(shapes.into_iter().map(|shape| grow(shape, by)).collect())
        }
    }
}

#[process]
fn conditional(
    #[cfg(true)] a: u64,
    #[cfg(false)] b: u64,
    #[cfg(not(false))] b: String,
    #[cfg(false)] c: std::rc::Rc<u8>,
) -> (u64, String) {
    (a, b)
}

static SET_UP: AtomicUsize = AtomicUsize::new(0);

#[procession::setup]
fn set_up() {
    SET_UP.fetch_add(1, Ordering::Relaxed);
}

#[process]
fn times_set_up() -> usize {
    SET_UP.load(Ordering::Relaxed)
}

fn run<P: Process>(input: P::Input) -> Result<P::Output, procession::Error> {
    Ok(P::builder().spawn(input)?.join()?)
}

#[test]
fn a_call_runs_elsewhere_and_a_plain_call_here() {
    assert_eq!(square::call(8).unwrap(), 64);
    assert_eq!(square(9), 81);
    assert_eq!(own_pid(), std::process::id());
    assert_ne!(own_pid::call().unwrap(), std::process::id());
}

#[test]
fn a_spawned_child_is_joined_later() {
    let children = [1, 2, 3].map(|n| square::spawn(n).unwrap());

    let squares = children.map(|child| child.join().unwrap());

    assert_eq!(squares, [1, 4, 9]);
}

#[test]
fn spawn_takes_the_parameters_whatever_their_number() {
    nothing::call().unwrap();
    unit::call(()).unwrap();
    assert_eq!(join::call("a".into(), 0, 0, vec!["b".into(), "c".into()]).unwrap(), "abc");
    assert_eq!(swap::call((1, "a".into())).unwrap(), ("a".into(), 1));
    assert_eq!(sum::call(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13).unwrap(), 91);
}

#[test]
fn one_value_stands_for_the_parameters() {
    run::<nothing>(()).unwrap();
    run::<unit>(()).unwrap();
    assert_eq!(run::<square>(3).unwrap(), 9);
    assert_eq!(run::<swap>((1, "a".into())).unwrap(), ("a".into(), 1));
    let input = ("a".into(), 0, 0, vec!["b".into()]);
    assert_eq!(run::<join>(input).unwrap(), "ab");
}

#[test]
fn a_result_comes_back_as_one() {
    assert_eq!(parse::call("12".into()).unwrap(), Ok(12));
    assert_eq!(parse::call("x".into()).unwrap(), Err("x is not a number".into()));
}

#[test]
fn a_type_of_ones_own_crosses_both_ways() {
    let shapes = |radius| Shape::Many(vec![Shape::Circle { radius }, Shape::Many(vec![])]);

    assert_eq!(grow::call(shapes(1.5), 2.0).unwrap(), shapes(3.0));
}

#[test]
fn a_name_that_is_a_keyword_or_a_crate_works() {
    assert_eq!(r#match::call(4).unwrap(), 5);
    assert_eq!(std(4), 2);
    assert_eq!(Halve::call(4).unwrap(), std::convert::identity(2));
}

#[test]
fn a_parameter_under_a_condition_is_there_if_it_holds() {
    assert_eq!(conditional::call(1, "a".into()).unwrap(), (1, "a".into()));
    assert_eq!(run::<conditional>((1, "a".into())).unwrap(), (1, "a".into()));
}

#[test]
fn setup_is_called_once_in_a_worker_and_never_here() {
    assert_eq!(times_set_up::call().unwrap(), 1);
    assert_eq!(times_set_up(), 0);
}

#[test]
fn a_test_has_its_own_helper() {
    #[process]
    fn helper(n: u64) -> u64 {
        n + 1
    }

    assert_eq!(helper::call(1).unwrap(), 2);
}

#[test]
fn another_test_has_another_helper_of_that_name() {
    #[process]
    fn helper(n: u64) -> String {
        format!("{n} + 1")
    }

    assert_eq!(helper::call(1).unwrap(), "1 + 1");
}

#[test]
fn each_closure_and_instance_can_have_a_helper() {
    fn generic<T: Into<u64>>(n: T) -> u64 {
        #[process]
        fn helper(n: u64) -> u64 {
            n * 2
        }
        helper::call(n.into()).unwrap()
    }
    let closure = |n| {
        #[process]
        fn helper(n: u64) -> u64 {
            n * 3
        }
        helper::call(n).unwrap()
    };

    assert_eq!(generic(1_u8) + generic(1_u16), 4);
    assert_eq!(closure(1), 3);
}
