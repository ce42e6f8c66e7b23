//! Tasks that are awaited, under executors that know nothing of them.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use procession::TaskFailure;
use procession_tests::{BOTH, LIMIT, within};

use super::work::{Act, act, pool, square};

async fn submit_and_await() {
    for over in BOTH {
        let pool = pool(over, 2);
        for n in 0..20 {
            assert_eq!(pool.submit::<square>(n).unwrap().await.unwrap(), n * n);
        }
        let tasks: Vec<_> = (0..50).map(|n| pool.submit::<square>(n).unwrap()).collect();
        for (n, task) in (0..).zip(tasks) {
            assert_eq!(task.await.unwrap(), n * n);
        }
        assert_eq!(pool.submit::<act>(Act::Nap(20)).unwrap().await.unwrap(), 20);
        let error = pool.submit::<act>(Act::Panic).unwrap().await.unwrap_err();
        assert!(matches!(error.failure(), TaskFailure::Panicked(_)), "{error}");
        let error = pool.submit::<act>(Act::Abort).unwrap().await.unwrap_err();
        assert!(matches!(error.failure(), TaskFailure::Crashed(_)), "{error}");
        let left = pool.submit::<act>(Act::Spin).unwrap();
        drop(pool);
        let error = left.await.unwrap_err();
        assert!(matches!(error.failure(), TaskFailure::ShutDown), "{error}");
    }
}

#[test]
fn a_plain_executor_will_do() {
    within(LIMIT, || pollster::block_on(submit_and_await()));
}

#[test]
fn smol_will_do() {
    within(LIMIT, || smol::block_on(submit_and_await()));
}

#[test]
fn tokio_will_do_with_one_thread_and_with_more() {
    within(LIMIT, || {
        let one = tokio::runtime::Builder::new_current_thread().build().unwrap();
        one.block_on(submit_and_await());
        let more = tokio::runtime::Builder::new_multi_thread().worker_threads(3).build().unwrap();
        more.block_on(async { tokio::spawn(submit_and_await()).await.unwrap() });
    });
}

#[test]
fn a_future_that_is_dropped_lets_the_task_go_on() {
    for over in BOTH {
        let files = super::work::Files::new();
        let (pool, ran) = (pool(over, 1), files.file());
        let note = Act::Note(ran.clone(), 5, Box::new(Act::Nap(20)));
        {
            let mut future = pin!(pool.submit::<act>(note).unwrap().into_future());
            let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(polled, Poll::Pending), "{over:?}");
        }

        pool.join().unwrap();

        assert_eq!(super::work::noted(&ran), [5]);
    }
}
