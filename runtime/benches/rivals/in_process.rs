//! The same conversations with actors of kameo and ractor, which run in this process.
//!
//! A message is moved, not copied; what they cost is their mailbox and tokio. On one core all of it
//! is on one thread, as they like it best. On two cores, and anywhere, the asker has its thread and
//! the actors have theirs.

use std::time::Instant;

use kameo::message::{Context, Message};
use kameo::prelude::Spawn;
use ractor::{ActorProcessingErr, ActorRef, RpcReplyPort, call};
use tokio::runtime::{Builder, Runtime};

use crate::measure::place::Place;
use crate::measure::{Goal, Group};

/// As many wait in a mailbox of ours. A mailbox of ractor has no bound.
const BOUND: usize = 1024;

/// Adds the rivals' ask of a `u64`.
pub(crate) fn ask(group: &mut Group<1>, trips: usize, place: Place) {
    let tokio = runtime(place);
    let echo = tokio.block_on(async { KameoEcho::spawn(KameoEcho) });
    group.variant("kameo, in process", [Goal::None], move || {
        tokio.block_on(async {
            let begun = Instant::now();
            for n in 0..trips as u64 {
                assert_eq!(echo.ask(n).send().await.expect("it lives"), n);
            }
            [begun.elapsed().as_secs_f64() * 1e6 / trips as f64]
        })
    });
    let tokio = runtime(place);
    let spawned = tokio.block_on(ractor::Actor::spawn(None, RactorEcho, ()));
    let (echo, _) = spawned.expect("starts");
    group.variant("ractor, in process", [Goal::None], move || {
        tokio.block_on(async {
            let begun = Instant::now();
            for n in 0..trips as u64 {
                assert_eq!(call!(echo, Asked, n).expect("it lives"), n);
            }
            [begun.elapsed().as_secs_f64() * 1e6 / trips as f64]
        })
    });
}

/// Adds the rivals' tell of forty bytes.
pub(crate) fn tell(group: &mut Group<1>, count: usize, place: Place) {
    let tokio = runtime(place);
    let sink = tokio.block_on(async {
        KameoSink::spawn_with_mailbox(KameoSink(0), kameo::mailbox::bounded(BOUND))
    });
    group.variant("kameo, in process", [Goal::None], move || {
        tokio.block_on(async {
            let begun = Instant::now();
            for n in 0..count {
                sink.tell(Forty([n as f64; 5])).send().await.expect("it lives");
            }
            assert_eq!(sink.ask(Count).send().await.expect("it lives"), count as u64);
            [count as f64 / begun.elapsed().as_secs_f64() / 1e6]
        })
    });
    let tokio = runtime(place);
    let spawned = tokio.block_on(ractor::Actor::spawn(None, RactorSink, ()));
    let (sink, _) = spawned.expect("starts");
    group.variant("ractor, in process", [Goal::None], move || {
        tokio.block_on(async {
            let begun = Instant::now();
            for n in 0..count {
                sink.cast(Told::Forty(Forty([n as f64; 5]))).expect("it lives");
            }
            assert_eq!(call!(sink, Told::Count).expect("it lives"), count as u64);
            [count as f64 / begun.elapsed().as_secs_f64() / 1e6]
        })
    });
}

fn runtime(place: Place) -> Runtime {
    let mut builder = match place {
        Place::OneCore => Builder::new_current_thread(),
        Place::TwoCores | Place::Anywhere => Builder::new_multi_thread(),
    };
    if let Place::TwoCores = place {
        builder.worker_threads(1).on_thread_start(move || place.put_thread());
    }
    builder.enable_time().build().expect("tokio starts")
}

struct Forty([f64; 5]);

struct Count;

#[derive(kameo::Actor)]
struct KameoEcho;

impl Message<u64> for KameoEcho {
    type Reply = u64;

    async fn handle(&mut self, n: u64, _: &mut Context<Self, u64>) -> u64 {
        n
    }
}

#[derive(kameo::Actor)]
struct KameoSink(u64);

impl Message<Forty> for KameoSink {
    type Reply = ();

    async fn handle(&mut self, forty: Forty, _: &mut Context<Self, ()>) {
        std::hint::black_box(forty.0);
        self.0 += 1;
    }
}

impl Message<Count> for KameoSink {
    type Reply = u64;

    async fn handle(&mut self, _: Count, _: &mut Context<Self, u64>) -> u64 {
        std::mem::take(&mut self.0)
    }
}

struct RactorEcho;

struct Asked(u64, RpcReplyPort<u64>);

impl ractor::Actor for RactorEcho {
    type Msg = Asked;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Asked>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<Asked>,
        Asked(n, reply): Asked,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        Ok(reply.send(n)?)
    }
}

struct RactorSink;

enum Told {
    Forty(Forty),
    Count(RpcReplyPort<u64>),
}

impl ractor::Actor for RactorSink {
    type Msg = Told;
    type State = u64;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Told>, (): ()) -> Result<u64, ActorProcessingErr> {
        Ok(0)
    }

    async fn handle(
        &self,
        _: ActorRef<Told>,
        message: Told,
        count: &mut u64,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Told::Forty(forty) => {
                std::hint::black_box(forty.0);
                *count += 1;
            }
            Told::Count(reply) => reply.send(std::mem::take(count))?,
        }
        Ok(())
    }
}
