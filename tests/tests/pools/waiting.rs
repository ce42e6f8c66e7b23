//! Waiting for several tasks, of one pool or of more.

use std::time::{Duration, Instant};

use procession::{
    Pool, Task, TaskFailure, as_completed, wait_all, wait_all_timeout, wait_any, wait_any_timeout,
};
use procession_tests::{BOTH, LIMIT, within};

use super::work::{Act, Files, act, let_go, pool};

const SOON: Duration = Duration::from_millis(30);

fn mixed(first: Act, one: &Pool, two: &Pool) -> Vec<Task<u64>> {
    let acts = [first, Act::Give(1), Act::Panic, Act::Abort, Act::Nap(40), Act::Exit(0)];
    let pools = [one, two].into_iter().cycle();
    acts.into_iter().zip(pools).map(|(what, pool)| pool.submit::<act>(what).unwrap()).collect()
}

#[test]
fn all_are_waited_for_whichever_way_they_end() {
    for over in BOTH {
        let (one, two) = (pool(over, 2), pool(over, 1));
        let tasks = mixed(Act::Nap(150), &one, &two);

        let tasks = within(LIMIT, move || {
            wait_all(&tasks);
            tasks
        });

        assert!(tasks.iter().all(Task::is_finished), "{over:?}");
        let values: Vec<_> = tasks.into_iter().map(|task| task.join().ok()).collect();
        assert_eq!(values, [Some(150), Some(1), None, None, Some(40), None]);
    }
}

#[test]
fn the_first_to_end_is_told_by_its_place() {
    for over in BOTH {
        let (one, two) = (pool(over, 1), pool(over, 1));
        let mut tasks = vec![
            one.submit::<act>(Act::Spin).unwrap(),
            two.submit::<act>(Act::Nap(20)).unwrap(),
            one.submit::<act>(Act::Give(1)).unwrap(),
        ];

        assert_eq!(wait_any(&tasks), Some(1), "{over:?}");

        assert_eq!(tasks.remove(1).join().unwrap(), 20);
        assert_eq!(wait_any_timeout(&tasks, SOON), None);
        assert!(!wait_all_timeout(&tasks, SOON));
        assert!(tasks[0].cancel());
        assert_eq!(wait_any(&tasks), Some(0));
        assert!(wait_all_timeout(&tasks, LIMIT));
        assert_eq!(wait_any::<u64>(&[]), None);
        assert_eq!(wait_any_timeout::<u64>(&[], LIMIT), None);
        assert!(wait_all_timeout::<u64>(&[], Duration::ZERO));
    }
}

#[test]
fn one_whose_pool_goes_has_ended() {
    for over in BOTH {
        let (one, two) = (pool(over, 1), pool(over, 1));
        let tasks = [one.submit::<act>(Act::Spin).unwrap(), two.submit::<act>(Act::Spin).unwrap()];
        let dropping = std::thread::spawn(move || {
            std::thread::sleep(SOON);
            drop(two);
        });

        assert_eq!(wait_any(&tasks), Some(1), "{over:?}");

        dropping.join().unwrap();
        drop(one);
        wait_all(&tasks);
    }
}

#[test]
fn each_is_given_as_it_ends_with_its_place() {
    for over in BOTH {
        let (one, two) = (pool(over, 2), pool(over, 2));
        let files = Files::new();
        let queue = files.queue();
        let tasks = mixed(Act::Await(queue.clone()), &one, &two);

        let ended = within(LIMIT, move || {
            let mut ended = as_completed(tasks);
            let mut all: Vec<_> = ended.by_ref().take(5).collect();
            let_go(&queue);
            all.extend(ended);
            all
        });

        let mut places: Vec<_> = ended.iter().map(|(place, _)| *place).collect();
        assert_eq!(*places.last().unwrap(), 0, "{over:?}: the longest is the last");
        places.sort_unstable();
        assert_eq!(places, [0, 1, 2, 3, 4, 5]);
        for (place, result) in ended {
            match (place, result) {
                (0, Ok(0)) | (1, Ok(1)) | (4, Ok(40)) => {}
                (2, Err(error)) => {
                    assert!(matches!(error.failure(), TaskFailure::Panicked(_)), "{error}");
                }
                (3 | 5, Err(error)) => {
                    assert!(matches!(error.failure(), TaskFailure::Crashed(_)), "{error}");
                }
                (place, result) => panic!("{place}: {result:?}"),
            }
        }
        assert_eq!(as_completed(Vec::<Task<u64>>::new()).count(), 0);
    }
}

#[test]
fn many_are_given_as_they_end() {
    for over in BOTH {
        let pool = pool(over, 2);
        let tasks: Vec<_> = (0..500).map(|n| pool.submit::<act>(Act::Give(n)).unwrap()).collect();
        let start = Instant::now();

        let mut all: Vec<u64> = as_completed(tasks)
            .map(|(place, result)| {
                assert_eq!(place as u64, *result.as_ref().unwrap());
                result.unwrap()
            })
            .collect();

        all.sort_unstable();
        assert!(all.into_iter().eq(0..500) && start.elapsed() < LIMIT, "{over:?}");
    }
}
