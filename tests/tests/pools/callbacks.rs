//! Callbacks: each is called once, on a thread of its own, whatever it does there.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};

use procession::{PoolError, TaskFailure};
use procession_tests::{BOTH, LIMIT, within};

use super::work::{Act, act, builder, nap, pool, square};

#[test]
fn a_callback_hears_what_became_of_its_task_before_and_after_its_end() {
    for over in BOTH {
        let (pool, (told, hear)) = (pool(over, 2), channel());
        let here = std::thread::current().id();
        for (what, late) in
            [Act::Give(1), Act::Panic, Act::Abort].into_iter().zip([false, true, false])
        {
            let task = pool.submit::<act>(what).unwrap();
            if late {
                task.wait();
            }
            let told = told.clone();
            task.on_done(move |result| {
                assert_ne!(std::thread::current().id(), here);
                told.send(result).unwrap();
            });
        }
        let heard: Vec<_> = (0..3).map(|_| hear.recv_timeout(LIMIT).unwrap()).collect();
        assert_eq!(heard.iter().filter(|result| result.is_ok()).count(), 1, "{over:?}");
        assert!(heard.contains(&Ok(1)));
        drop(told);
        assert_eq!(hear.recv_timeout(LIMIT), Err(RecvTimeoutError::Disconnected));
    }
}

#[test]
fn join_waits_for_all_callbacks() {
    for over in BOTH {
        for _ in 0..20 {
            let (pool, heard) = (pool(over, 2), Arc::new(Mutex::new(0)));
            for n in 0..20 {
                let heard = Arc::clone(&heard);
                pool.submit::<square>(n).unwrap().on_done(move |result| {
                    assert_eq!(result.unwrap(), n * n);
                    *heard.lock().unwrap() += 1;
                });
            }

            pool.join().unwrap();

            assert_eq!(*heard.lock().unwrap(), 20, "{over:?}");
        }
    }
}

/// Several who wait: the one that brings a callback its news is not the one that joins.
#[test]
fn join_waits_for_callbacks_that_another_thread_is_about_to_call() {
    for over in BOTH {
        for _ in 0..100 {
            let (pool, heard) = (Arc::new(pool(over, 1)), Arc::new(Mutex::new(0)));
            let counted = Arc::clone(&heard);
            pool.submit::<square>(3).unwrap().on_done(move |_| *counted.lock().unwrap() += 1);
            let last = pool.submit::<square>(4).unwrap();
            let waiting = std::thread::spawn(move || last.join().unwrap());

            pool.join().unwrap();

            assert_eq!(*heard.lock().unwrap(), 1, "{over:?}");
            assert_eq!(waiting.join().unwrap(), 16);
        }
    }
}

#[test]
fn a_callback_that_is_slow_or_panics_holds_up_no_task_and_no_other_callback() {
    procession_tests::Running::start(procession_tests::as_program(|| {
        for over in BOTH {
            let (pool, (told, hear)) = (pool(over, 2), channel());
            let (go_on, wait) = channel::<()>();
            pool.submit::<square>(1).unwrap().on_done(move |_| {
                // Until it is let go.
                let _ = wait.recv();
                panic!("in a callback");
            });
            pool.submit::<square>(2).unwrap().on_done(move |result| told.send(result).unwrap());

            assert_eq!(pool.map::<square>(0..100).unwrap().len(), 100, "{over:?}");

            drop(go_on);
            assert_eq!(hear.recv_timeout(LIMIT).unwrap(), Ok(4));
            pool.join().unwrap();
        }
        println!("sound");
    }))
    .hear("sound");
}

#[test]
fn a_callback_may_submit_wait_map_and_cancel() {
    for over in BOTH {
        // The queue is full: who calls back must not wait for itself.
        let pool = Arc::new(builder(over).workers(1).queue(2).build().unwrap());
        let (told, hear) = channel();
        let (again, deep) = (Arc::clone(&pool), told.clone());
        let first = pool.submit::<nap>((20, 1)).unwrap();
        let spinning = pool.submit::<act>(Act::Spin).unwrap();
        first.on_done(move |_| {
            let waiting: Vec<_> = (0..10).map(|n| again.submit::<square>(n).unwrap()).collect();
            assert!(spinning.cancel());
            for (n, task) in (0..).zip(waiting) {
                assert_eq!(task.join().unwrap(), n * n);
            }
            assert_eq!(again.map::<square>(0..10).unwrap().len(), 10);
            again.submit::<square>(9).unwrap().on_done(move |result| deep.send(result).unwrap());
        });

        assert_eq!(hear.recv_timeout(LIMIT).unwrap(), Ok(81), "{over:?}");
    }
}

#[test]
fn a_pool_cannot_be_joined_in_its_callback_and_says_so() {
    for over in BOTH {
        let (pool, (told, hear)) = (Arc::new(pool(over, 1)), channel());
        let its = Arc::clone(&pool);
        pool.submit::<square>(3).unwrap().on_done(move |_| told.send(its.join()).unwrap());

        let joined = hear.recv_timeout(LIMIT).unwrap();

        assert!(matches!(joined, Err(PoolError::InCallback)), "{over:?}: {joined:?}");
        within(LIMIT, move || pool.join().unwrap());
    }
}

/// It waited for itself.
#[test]
fn a_pool_cannot_be_joined_by_the_input_or_the_hook_of_its_own_map_and_says_so() {
    for over in BOTH {
        let pool = Arc::new(pool(over, 1));
        let its = Arc::clone(&pool);

        let (squares, by_input, by_hook) = within(LIMIT, move || {
            let (mut by_input, mut by_hook) = (None, None);
            let items = (0..3).inspect(|_| by_input = Some(its.join()));
            let tasks = its.tasks::<square>().on_progress(|_| by_hook = Some(its.join()));
            let squares = tasks.map(items).unwrap();
            (squares, by_input.unwrap(), by_hook.unwrap())
        });

        // Joining closes it first, which maps that have begun do not mind.
        assert_eq!(squares, [0, 1, 4]);
        for joined in [by_input, by_hook] {
            assert!(matches!(joined, Err(PoolError::InCallback)), "{over:?}: {joined:?}");
        }
        // Nobody maps any more.
        within(LIMIT, move || pool.join().unwrap());
    }
}

#[test]
fn a_callback_may_abort_or_drop_its_pool() {
    for over in BOTH {
        for dropped in [false, true] {
            let (pool, (told, hear)) = (Arc::new(pool(over, 2)), channel());
            let left = pool.submit::<act>(Act::Spin).unwrap();
            let heard = told.clone();
            let first = pool.submit::<nap>((20, 3)).unwrap();
            left.on_done(move |result| heard.send(result.unwrap_err()).unwrap());
            let its = Arc::clone(&pool);
            first.on_done(move |result| {
                assert_eq!(result.unwrap(), 3);
                if !dropped {
                    its.abort();
                }
                drop(its);
                drop(told);
            });
            if dropped {
                drop(pool);
            } else {
                within(LIMIT, move || pool.join().unwrap());
            }

            let error = hear.recv_timeout(LIMIT).unwrap();
            assert!(matches!(error.failure(), TaskFailure::ShutDown), "{over:?}: {error}");
            assert!(hear.recv_timeout(LIMIT).is_err(), "both callbacks are gone");
        }
    }
}

#[test]
fn every_callback_is_called_when_its_pool_goes() {
    for over in BOTH {
        let (pool, (told, hear)) = (pool(over, 1), channel());
        for n in 0..10 {
            let told = told.clone();
            pool.submit::<nap>((10_000, n)).unwrap().on_done(move |end| told.send(end).unwrap());
        }

        drop(pool);

        for _ in 0..10 {
            let error = hear.recv_timeout(LIMIT).unwrap().unwrap_err();
            assert!(matches!(error.failure(), TaskFailure::ShutDown), "{over:?}: {error}");
        }
    }
}

#[test]
fn a_callback_after_the_pool_has_gone_is_called_at_once() {
    for over in BOTH {
        let (pool, (told, hear)) = (pool(over, 1), channel());
        let task = pool.submit::<square>(7).unwrap();
        pool.join().unwrap();
        drop(pool);

        task.on_done(move |result| told.send(result).unwrap());

        assert_eq!(hear.recv_timeout(LIMIT).unwrap(), Ok(49), "{over:?}");
    }
}

#[test]
fn a_task_that_was_cancelled_is_called_back_as_such() {
    for over in BOTH {
        let (pool, (told, hear)) = (pool(over, 1), channel());
        let first = pool.submit::<nap>((30, 1)).unwrap();
        // A handle for each of two things: there is only one, so it is cancelled by going away.
        let second = pool.submit::<act>(Act::Spin).unwrap();
        first.wait();
        assert!(second.cancel());
        second.on_done(move |result| told.send(result.unwrap_err()).unwrap());

        let error = hear.recv_timeout(LIMIT).unwrap();
        assert!(matches!(error.failure(), TaskFailure::Cancelled), "{over:?}: {error}");
    }
}
