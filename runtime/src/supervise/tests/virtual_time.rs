//! The keeper, without its thread: the time is what the test says it is.

#![cfg(test)]

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::fake::World;
use crate::actor::Supervised;
use crate::outcome::ExitReason;
use crate::policy::{Limits, Restart};
use crate::supervise::board::Board;
use crate::supervise::keeper::{Keeper, Plan};
use crate::supervise::post::{Command, Post};
use crate::supervise::{self, ChildState, Status, SupervisorEnd};

const GRACE: Duration = Duration::from_secs(5);

/// A supervisor whose thread is the test.
struct Scene {
    world: World,
    keeper: Keeper,
    post: Arc<Post>,
    board: Arc<Board>,
    now: Instant,
}

impl Scene {
    fn begin(children: &[(&str, Restart)]) -> Self {
        Scene::within(Limits::default(), children)
    }

    fn within(limits: Limits, children: &[(&str, Restart)]) -> Self {
        let world = World::default();
        let (post, board) = (Arc::new(Post::default()), Arc::new(Board::default()));
        let name = "scene".to_owned();
        let plan = Plan { name, strategy: supervise::Strategy::OneForOne, limits, grace: GRACE };
        let mut keeper = Keeper::new(plan, Arc::clone(&post), Arc::clone(&board));
        let now = Instant::now();
        let fake = |(id, restart): &(&str, Restart)| -> Box<dyn Supervised> {
            Box::new(world.child(id, *restart))
        };
        keeper.begin(children.iter().map(fake).collect(), now).unwrap();
        world.log();
        Scene { world, keeper, post, board, now }
    }

    /// Lets the keeper do what is to be done now.
    fn settle(&mut self) {
        loop {
            let news = self.post.take(Some(Instant::now()));
            let before = self.world.happened();
            self.keeper.step(news, self.now);
            if self.world.happened() == before {
                break;
            }
        }
    }

    /// Has time pass, and everything happen in its time.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        self.settle();
        while let Some(next) = self.keeper.next().filter(|next| *next <= end) {
            assert!(next > self.now, "the keeper would turn in circles");
            self.now = next;
            self.settle();
        }
        self.now = end;
    }

    fn crash(&mut self, id: &str) {
        assert!(self.world.end(id, ExitReason::Killed), "{id} runs");
        self.settle();
    }

    fn stop_child(&self, id: &str, grace: Duration) -> mpsc::Receiver<StopAnswer> {
        let (answer, stopped) = mpsc::sync_channel(1);
        self.post.command(Command::Stop { id: id.to_owned(), grace, answer });
        stopped
    }

    fn start_child(&self, id: &str, restart: Restart) {
        let (answer, _) = mpsc::sync_channel(1);
        let child = Box::new(self.world.child(id, restart));
        self.post.command(Command::Start { child, answer });
    }

    fn status(&self) -> Status {
        self.board.status("scene", Duration::MAX)
    }

    fn state(&self, id: &str) -> ChildState {
        self.status().child(id).unwrap().state.clone()
    }

    /// Drops the keeper, which tells how it ended.
    fn finish(self) -> SupervisorEnd {
        drop(self.keeper);
        self.board.wait(Some(Instant::now())).unwrap()
    }
}

type StopAnswer = Result<ExitReason, crate::SuperviseError>;

#[test]
fn a_child_that_crashes_is_started_again_at_once() {
    let mut scene = Scene::begin(&[("a", Restart::Transient)]);

    scene.crash("a");

    assert_eq!(scene.world.log(), ["a starts"]);
    let status = scene.status();
    let child = status.child("a").unwrap();
    assert_eq!((child.incarnation, child.restarts), (2, 1));
    assert_eq!((&child.state, child.pid), (&ChildState::Running, Some(2)));
    assert_eq!(child.last_exit, Some(ExitReason::Killed));
}

#[test]
fn a_child_that_waits_delays_no_other() {
    let mut scene = Scene::begin(&[("a", Restart::Transient), ("b", Restart::Transient)]);
    for _ in 0..4 {
        scene.crash("a");
        scene.pass(Duration::from_millis(500));
    }
    scene.crash("a"); // the fifth: it waits for 0.64 to 0.96 s
    let ChildState::Waiting { until } = scene.state("a") else { panic!("{:?}", scene.status()) };
    assert!(until - scene.now >= Duration::from_millis(640));
    scene.world.log();

    scene.crash("b");
    assert_eq!(scene.world.log(), ["b starts"]);

    scene.pass(Duration::from_secs(1));
    assert_eq!(scene.world.log(), ["a starts"]);
}

#[test]
fn a_child_that_ends_too_often_ends_the_supervisor_once_and_visibly() {
    let children = ["a", "b", "c"].map(|id| (id, Restart::Permanent));
    let mut scene = Scene::begin(&children);
    for _ in 0..5 {
        scene.crash("b");
        scene.pass(Duration::from_secs(1));
    }
    scene.world.log();

    scene.crash("b");

    let killed = "given up: it was killed";
    let finished = "given up: it finished";
    let expected = [
        &format!("b {killed}"),
        "c asked",
        &format!("c {finished}"),
        "a asked",
        &format!("a {finished}"),
    ];
    assert_eq!(scene.world.log(), expected);
    assert!(scene.keeper.is_over());
    assert_eq!(scene.state("b"), ChildState::GivenUp(ExitReason::Killed));
    assert_eq!(scene.state("a"), ChildState::Ended(ExitReason::Finished));
    let reason = ExitReason::Killed;
    let expected = SupervisorEnd::GivenUp { child: "b".to_owned(), restarts: 5, reason };
    assert_eq!(scene.finish(), expected);
}

#[test]
fn restarts_of_one_child_are_not_counted_against_another() {
    let mut scene = Scene::begin(&[("a", Restart::Transient), ("b", Restart::Transient)]);

    for _ in 0..5 {
        scene.crash("a");
        scene.crash("b");
        scene.pass(Duration::from_secs(1));
    }

    assert!(!scene.keeper.is_over());
    assert_eq!(scene.status().child("a").unwrap().restarts, 5);
    assert_eq!(scene.status().child("b").unwrap().incarnation, 6);
}

#[test]
fn a_child_that_ends_well_is_given_up_and_the_supervisor_stays() {
    let mut scene = Scene::begin(&[("a", Restart::Transient), ("b", Restart::Temporary)]);

    scene.world.end("a", ExitReason::Exited(0));
    scene.world.end("b", ExitReason::Killed);
    scene.pass(Duration::from_secs(600));

    let expected = ["a given up: it exited with code 0 and no value", "b given up: it was killed"];
    assert_eq!(scene.world.log(), expected);
    assert_eq!(scene.state("b"), ChildState::Ended(ExitReason::Killed));
    assert!(!scene.keeper.is_over());
    scene.start_child("a", Restart::Transient);
    scene.settle();
    assert_eq!(scene.world.log(), ["a starts"]);
    assert_eq!(scene.status().children.len(), 2);
}

#[test]
fn a_start_that_fails_is_a_restart_that_failed() {
    let mut scene = Scene::begin(&[("a", Restart::Transient)]);
    scene.world.fail("a", 2);

    scene.crash("a");
    scene.pass(Duration::from_secs(1));

    assert_eq!(scene.world.log(), ["a fails", "a fails", "a starts"]);
    let status = scene.status();
    let child = status.child("a").unwrap();
    assert_eq!((child.incarnation, child.restarts), (2, 3));
    let Some(ExitReason::StartFailed(why)) = &child.last_exit else { panic!("{child:?}") };
    assert!(why.contains("table of processes"), "{why}");

    scene.world.fail("a", 100);
    scene.crash("a");
    scene.pass(Duration::from_secs(600));
    assert!(scene.keeper.is_over());
    assert!(matches!(scene.state("a"), ChildState::GivenUp(ExitReason::StartFailed(_))));
}

#[test]
fn an_end_that_nobody_told_is_an_end() {
    let mut scene = Scene::begin(&[("a", Restart::Transient)]);

    scene.world.forget("a");
    scene.settle();

    assert_eq!(scene.world.log(), ["a starts"]);
    let last = scene.status().child("a").unwrap().last_exit.clone();
    assert!(matches!(last, Some(ExitReason::Lost(_))), "{last:?}");
}

#[test]
fn stopping_goes_backwards_and_each_child_has_all_of_the_grace() {
    let children = ["a", "b", "c", "d"].map(|id| (id, Restart::Permanent));
    let mut scene = Scene::begin(&children);
    scene.world.harden("c");
    scene.world.harden("a");

    scene.post.stop(Duration::from_secs(2));
    scene.settle();
    assert_eq!(scene.world.log(), ["d asked", "d given up: it finished", "c asked"]);
    assert_eq!(scene.state("c"), ChildState::Stopping);

    scene.pass(Duration::from_millis(1_999));
    assert_eq!(scene.world.log(), [] as [&str; 0]);

    scene.pass(Duration::from_millis(1));
    let log = scene.world.log();
    for line in ["b asked", "a asked", "c killed", "c given up: it was stopped"] {
        assert!(log.iter().any(|other| other == line), "{line} is not in {log:?}");
    }
    assert!(!scene.keeper.is_over());

    scene.pass(Duration::from_secs(2));
    assert_eq!(scene.world.log(), ["a killed", "a given up: it was stopped"]);
    assert!(scene.keeper.is_over());
    assert_eq!(scene.finish(), SupervisorEnd::Stopped);
}

#[test]
fn however_many_hang_a_stop_takes_no_more_than_twice_the_grace() {
    let mut scene = Scene::begin(&IDS.map(|id| (id, Restart::Permanent)));
    IDS.iter().for_each(|id| scene.world.harden(id));

    scene.post.stop(GRACE);
    scene.pass(GRACE);
    assert_eq!(scene.world.log().iter().filter(|line| line.ends_with("asked")).count(), 4);
    assert!(!scene.keeper.is_over());

    scene.pass(GRACE);
    assert!(scene.keeper.is_over());
}

#[test]
fn the_end_of_a_former_process_is_not_taken_for_that_of_this_one() {
    let mut scene = Scene::begin(&[("a", Restart::Permanent)]);
    scene.crash("a");
    scene.world.log();

    scene.post.notice(0, 1).tell(ExitReason::Killed);
    scene.settle();

    assert_eq!(scene.state("a"), ChildState::Running);
    assert_eq!(scene.status().child("a").unwrap().incarnation, 2);
}

#[test]
fn nothing_is_started_once_it_stops() {
    let children = ["a", "b", "c"].map(|id| (id, Restart::Permanent));
    let mut scene = Scene::begin(&children);
    scene.world.harden("c");
    scene.crash("b");
    scene.crash("b"); // it waits
    scene.world.log();

    scene.post.stop(GRACE);
    scene.settle();
    scene.crash("a"); // nobody has asked it yet
    scene.start_child("d", Restart::Permanent);
    scene.pass(Duration::from_secs(600));

    let log = scene.world.log();
    assert!(!log.iter().any(|line| line.ends_with("starts")), "{log:?}");
    let given_up = log.iter().filter(|line| line.contains("given up"));
    assert_eq!(given_up.count(), 3, "{log:?}");
    assert!(log.contains(&"c killed".to_owned()), "{log:?}");
    assert!(scene.keeper.is_over());
}

#[test]
fn a_second_stop_can_shorten_the_grace() {
    let mut scene = Scene::begin(&[("a", Restart::Permanent), ("b", Restart::Permanent)]);
    scene.world.harden("a");
    scene.world.harden("b");
    scene.post.stop(Duration::from_secs(600));
    scene.settle();

    scene.post.stop(Duration::ZERO);
    scene.settle();

    assert!(scene.keeper.is_over());
}

#[test]
fn stopping_one_child_delays_no_other_and_its_id_is_free_again() {
    let mut scene = Scene::begin(&[("a", Restart::Permanent), ("b", Restart::Permanent)]);
    scene.world.harden("a");
    let stopped = scene.stop_child("a", Duration::from_secs(3));
    scene.settle();
    assert_eq!(scene.world.log(), ["a asked"]);

    scene.crash("b");
    assert_eq!(scene.world.log(), ["b starts"]);
    let again = scene.stop_child("a", Duration::from_secs(2));
    scene.pass(Duration::from_secs(2));

    assert_eq!(scene.world.log(), ["a killed", "a given up: it was stopped"]);
    for stopped in [stopped, again] {
        assert_eq!(stopped.try_recv().unwrap().unwrap(), ExitReason::Stopped);
    }
    assert!(scene.status().child("a").is_none());
    let missing = scene.stop_child("a", GRACE);
    scene.start_child("a", Restart::Permanent);
    scene.settle();
    assert_eq!(scene.world.log(), ["a starts"]);
    let error = missing.try_recv().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "supervisor `scene` has no child `a`");
}

#[test]
fn children_that_ended_long_ago_are_forgotten() {
    let mut scene = Scene::begin(&[("first", Restart::Permanent)]);

    for number in 0..1_000 {
        let id = number.to_string();
        scene.start_child(&id, Restart::Temporary);
        scene.settle();
        scene.crash(&id);
    }

    let status = scene.status();
    assert_eq!(status.children.len(), 1 + 256);
    assert!(status.child("first").is_some() && status.child("999").is_some());
}

#[derive(Clone, Debug)]
enum Step {
    End(usize, ExitReason),
    Fail(usize, usize),
    Pass(u64),
    StopChild(usize, u64),
    StartChild(usize),
    Harden(usize),
}

fn steps() -> impl proptest::strategy::Strategy<Value = Vec<Step>> {
    let reason = prop_oneof![
        4 => Just(ExitReason::Killed),
        1 => Just(ExitReason::Finished),
        1 => Just(ExitReason::TimedOut(GRACE)),
    ];
    let child = 0..IDS.len();
    let step = prop_oneof![
        8 => (child.clone(), reason).prop_map(|(child, reason)| Step::End(child, reason)),
        2 => (child.clone(), 1_usize..4).prop_map(|(child, times)| Step::Fail(child, times)),
        6 => (0_u64..3_000).prop_map(Step::Pass),
        1 => (child.clone(), 0_u64..2_000).prop_map(|(child, grace)| Step::StopChild(child, grace)),
        2 => child.clone().prop_map(Step::StartChild),
        1 => child.prop_map(Step::Harden),
    ];
    proptest::collection::vec(step, 0..80)
}

const IDS: [&str; 4] = ["a", "b", "c", "d"];

proptest! {
    /// That no child runs twice, and that none is given up alive, is asserted by the fake.
    #[test]
    fn whatever_happens_a_stop_ends_everything_in_time_and_each_slot_is_given_up_once(
        steps in steps(),
        grace in 0_u64..3_000,
    ) {
        let policies = [Restart::Permanent, Restart::Transient, Restart::Temporary, Restart::Permanent];
        let children: Vec<_> = IDS.into_iter().zip(policies).collect();
        let mut scene = Scene::begin(&children);
        let mut log: Vec<String> = IDS.map(|id| format!("{id} starts")).into();
        for step in steps {
            match step {
                Step::End(child, reason) => drop(scene.world.end(IDS[child], reason)),
                Step::Fail(child, times) => scene.world.fail(IDS[child], times),
                Step::Pass(millis) => scene.pass(Duration::from_millis(millis)),
                Step::StopChild(child, grace) => {
                    drop(scene.stop_child(IDS[child], Duration::from_millis(grace)));
                }
                Step::StartChild(child) => scene.start_child(IDS[child], policies[child]),
                Step::Harden(child) => scene.world.harden(IDS[child]),
            }
            scene.settle();
            log.extend(scene.world.log());
        }
        let grace = Duration::from_millis(grace);

        scene.post.stop(grace);
        scene.settle();
        let so_far = scene.world.log();
        prop_assert!(!so_far.iter().any(|line| line.ends_with("starts")), "{so_far:?}");
        scene.pass(grace * 2);
        log.extend(so_far);
        log.extend(scene.world.log());

        prop_assert!(scene.keeper.is_over(), "{:?}", scene.status());
        for id in IDS {
            prop_assert!(!scene.world.is_running(id));
            let mut has_begun = false;
            for line in log.iter().filter(|line| line.starts_with(id)) {
                if line.ends_with("starts") {
                    has_begun = true;
                } else if line.contains("given up") {
                    prop_assert!(has_begun, "{log:?}");
                    has_begun = false;
                }
            }
            prop_assert!(!has_begun, "{log:?}");
        }
    }
}
