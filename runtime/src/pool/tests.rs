//! Workers as processes that are there, over both carriers.

#![cfg(test)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::chunk::Frames;
use super::link::Link;
use crate::error::{DecodeError, EncodeError};
use crate::outcome::{ExitReason, Intent, PanicReport};
use crate::process::{Process, Settings, entry_of};
use crate::registry::{ENTRIES, Entry};
use crate::wire::{
    Answers, Carrier, Decoder, Encoder, Gong, Shape, Sleeper, Tag, WAKE, add_frame, add_row, fence,
    first_frame, task_tag,
};

/// A function as the attribute makes one.
macro_rules! task {
    ($name:ident: $input:ty => $output:ty, $body:expr) => {
        #[expect(non_camel_case_types, reason = "it has the name of its function")]
        enum $name {}

        const _: () = {
            #[linkme::distributed_slice(ENTRIES)]
            static ENTRY: Entry = entry_of::<$name>();

            impl Process for $name {
                type Input = $input;
                type Output = $output;
                fn entry() -> &'static Entry {
                    &ENTRY
                }
                fn encode<'a>(input: &'a $input, row: &mut Encoder<'a>) -> Result<(), EncodeError> {
                    row.section(input)
                }
                fn run(row: &mut Decoder<'_>) -> Result<$output, DecodeError> {
                    let body: fn($input) -> $output = $body;
                    Ok(body(row.section()?))
                }
                fn encode_output<'a>(
                    output: &'a $output,
                    row: &mut Encoder<'a>,
                ) -> Result<(), EncodeError> {
                    row.section(output)
                }
                fn decode_output(row: &mut Decoder<'_>) -> Result<$output, DecodeError> {
                    row.section()
                }
            }
        };
    };
}

task!(square: u64 => u64, |n| n * n);
task!(twice: Vec<u8> => Vec<u8>, |bytes| bytes.repeat(2));
task!(fail: String => (), |why| panic!("{why}"));
task!(pass: u64 => u64, |n| if n == 7 { std::process::abort() } else { n });

task!(third: u64 => u32, |n| {
    assert!(n % 10 > 0, "{n} is round");
    if n == 77 {
        std::process::abort()
    }
    n as u32 / 3
});

/// A worker, what it was sent and what came of it.
struct Worker {
    link: Link,
    gong: Arc<Gong>,
    ended: Arc<Mutex<Option<ExitReason>>>,
    results: Vec<u8>,
}

impl Worker {
    fn start(carrier: Carrier) -> Self {
        let gong = Arc::new(Gong::new().unwrap());
        let ended = Arc::new(Mutex::new(None));
        let told = Arc::clone(&ended);
        let mut settings = Settings::default();
        (settings.carrier, settings.max_message) = (carrier, 1 << 24);
        let mourner = Box::new(move |_: &_, reason: &ExitReason| {
            *told.lock().unwrap() = Some(reason.clone());
        });
        let link = Link::start(settings, &gong, mourner).unwrap();
        Worker { link, gong, ended, results: Vec::new() }
    }

    /// Puts all frames, as there is room.
    fn put(&mut self, mut frames: &[u8]) {
        while !frames.is_empty() {
            let (bytes, _) = self.link.put(0, &Frames::new(frames.to_vec(), Shape::Mixed)).unwrap();
            frames = &frames[bytes..];
            if bytes == 0 {
                self.sleep();
                self.collect();
            }
        }
    }

    /// Puts all numbers, as there is room.
    fn put_numbers<P: Process>(&mut self, numbers: &[u64]) {
        let words: Vec<_> = numbers.iter().map(|number| number.to_le_bytes()).collect();
        let mut words = Frames::new(words.into_flattened(), Shape::Numbers);
        while !words.bytes().is_empty() {
            let (bytes, count) = self.link.put(tag_of::<P>(), &words).unwrap();
            assert_eq!(bytes as u64, 8 * count);
            words.split_at(bytes);
            if bytes == 0 {
                self.sleep();
                self.collect();
            }
        }
    }

    /// Collects what is there. Numbers are frames then.
    fn collect(&mut self) {
        let mut answers = Vec::new();
        self.link.collect(&mut answers).unwrap();
        for Answers { bytes, shape, .. } in answers {
            if shape == Shape::Numbers {
                let words = bytes.chunks_exact(8);
                words.for_each(|word| add_frame(&mut self.results, Tag::Value as u32, word));
            } else {
                self.results.extend(bytes);
            }
        }
    }

    /// Sleeps until there is news or the end.
    fn sleep(&self) {
        let value = self.gong.value(Sleeper::Pump);
        self.link.arm(Sleeper::Pump);
        fence();
        if !self.link.has_news() && self.ended.lock().unwrap().is_none() {
            self.gong.sleep(Sleeper::Pump, value, Some(Duration::from_secs(10)));
        }
        self.link.disarm();
    }

    /// Waits for so many results: their tags and bodies.
    fn results(&mut self, count: usize) -> Vec<(u32, Vec<u8>)> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            self.collect();
            let found = frames(&self.results);
            if found.len() >= count {
                return found;
            }
            assert!(Instant::now() < deadline, "{} of {count} came", found.len());
            self.sleep();
        }
    }

    fn end(&self) -> ExitReason {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let value = self.gong.value(Sleeper::Pump);
            if let Some(reason) = self.ended.lock().unwrap().clone() {
                return reason;
            }
            assert!(Instant::now() < deadline, "it does not end");
            self.gong.sleep(Sleeper::Pump, value, Some(Duration::from_secs(1)));
        }
    }
}

fn frames(mut rest: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let mut found = Vec::new();
    while let Some((tag, body, size)) = first_frame(rest) {
        found.push((tag, body.to_vec()));
        rest = &rest[size..];
    }
    assert!(rest.is_empty());
    found
}

fn add<P: Process>(frames: &mut Vec<u8>, input: &P::Input, flags: u32) {
    let tag = tag_of::<P>() | flags;
    add_row(frames, tag, 1 << 24, |row| P::encode(input, row)).unwrap();
}

fn tag_of<P: Process>() -> u32 {
    task_tag(P::entry().index().unwrap()).unwrap()
}

fn value<P: Process>(result: &(u32, Vec<u8>)) -> P::Output {
    assert_eq!(result.0, Tag::Value as u32);
    P::decode_output(&mut Decoder::new(&mut result.1.as_slice())).unwrap()
}

const CARRIERS: [Carrier; 2] = [Carrier::Ring, Carrier::Frames];

#[test]
fn tasks_are_done_in_order_and_the_worker_leaves_when_nothing_follows() {
    for carrier in CARRIERS {
        let mut worker = Worker::start(carrier);
        let mut tasks = Vec::new();
        (0..20_000)
            .for_each(|n| add::<square>(&mut tasks, &n, if n % 100 == 0 { WAKE } else { 0 }));

        worker.put(&tasks);
        worker.link.finish();

        let results = worker.results(20_000);
        assert!(results.iter().zip(0..).all(|(one, n)| value::<square>(one) == n * n));
        assert_eq!(worker.end(), ExitReason::Finished);
        assert_eq!(worker.link.taken(), Ok(20_000));
    }
}

#[test]
fn large_rows_travel_among_small_ones() {
    for carrier in CARRIERS {
        let mut worker = Worker::start(carrier);
        let sizes = [0, 3, 100_000, 20, 5_000_000, 17_000, 1, 16_370, 300_000, 70_000, 70_000];
        let mut tasks = Vec::new();
        sizes.iter().for_each(|&len| add::<twice>(&mut tasks, &vec![len as u8; len], WAKE));

        worker.put(&tasks);

        for (result, len) in worker.results(sizes.len()).iter().zip(sizes) {
            assert!(value::<twice>(result) == vec![len as u8; 2 * len]);
        }
    }
}

#[test]
fn a_panic_is_told_with_its_report_and_the_worker_goes_on() {
    for carrier in CARRIERS {
        let mut worker = Worker::start(carrier);
        let mut tasks = Vec::new();
        add::<square>(&mut tasks, &3, 0);
        add::<fail>(&mut tasks, &"no more tea".to_owned(), 0);
        add::<pass>(&mut tasks, &5, 0);
        add::<pass>(&mut tasks, &7, 0);
        add::<pass>(&mut tasks, &8, 0);

        worker.put(&tasks);
        let end = worker.end();
        let results = worker.results(3);

        assert_eq!(value::<square>(&results[0]), 9);
        assert_eq!(results[1].0, Tag::Panicked as u32);
        let report: PanicReport = Decoder::new(&mut results[1].1.as_slice()).section().unwrap();
        assert_eq!(report.message(), "no more tea");
        assert_eq!(value::<pass>(&results[2]), 5);
        // The abort is not explained by the panic before.
        assert!(matches!(end, ExitReason::Signaled { .. }), "{end}");
        assert_eq!((results.len(), worker.link.taken()), (3, Ok(4)));
    }
}

#[test]
fn numbers_are_answered_one_by_one_whatever_becomes_of_them() {
    for carrier in CARRIERS {
        let mut worker = Worker::start(carrier);
        let many: Vec<u64> = (0..5_000).map(|n| 10 * n + 1).collect();

        worker.put_numbers::<square>(&many);
        let results = worker.results(5_000);
        assert!(results.iter().zip(&many).all(|(one, n)| value::<square>(one) == n * n));
        worker.results.clear();
        worker.put_numbers::<third>(&(61..82).collect::<Vec<_>>());
        let end = worker.end();
        let results = worker.results(16);

        for (result, n) in results.iter().zip(61..) {
            if n == 70 {
                let report: PanicReport = Decoder::new(&mut result.1.as_slice()).section().unwrap();
                assert_eq!((result.0, report.message()), (Tag::Panicked as u32, "70 is round"));
            } else {
                assert_eq!(value::<third>(result), n / 3);
            }
        }
        assert!(matches!(end, ExitReason::Signaled { .. }), "{end}");
        assert_eq!((results.len(), worker.link.taken()), (16, Ok(5_017)));
    }
}

#[test]
fn what_a_dead_worker_had_done_of_numbers_is_known_exactly() {
    for round in 0..20 {
        let mut worker = Worker::start(Carrier::Ring);
        worker.put_numbers::<square>(&(0..30_000).collect::<Vec<_>>());
        worker.results(1 + 50 * round);

        worker.link.kill(Intent::Kill);
        assert_eq!(worker.end(), ExitReason::Killed);

        worker.collect();
        let results = frames(&worker.results);
        let (done, taken) = (results.len() as u64, worker.link.taken().unwrap());
        assert!((done..=done + 1).contains(&taken), "{done} of {taken}");
        assert!(results.iter().zip(0..).all(|(one, n)| value::<square>(one) == n * n));
        assert_eq!(worker.link.recall(), Ok(30_000 - taken));
    }
}

#[test]
fn what_a_dead_worker_had_done_is_known_exactly() {
    for carrier in CARRIERS {
        let mut worker = Worker::start(carrier);
        let mut tasks = Vec::new();
        (8..1_000).for_each(|n| add::<pass>(&mut tasks, &n, 0));

        let (_, put) = worker.link.put(0, &Frames::new(tasks, Shape::Mixed)).unwrap();
        worker.link.kill(Intent::Kill);
        assert_eq!(worker.end(), ExitReason::Killed);

        worker.collect();
        let done = frames(&worker.results).len() as u64;
        let taken = worker.link.taken().unwrap();
        assert!((done..=done + 1).contains(&taken) && taken <= put, "{done} of {taken} of {put}");
        let left = if carrier == Carrier::Ring { put - taken } else { 0 };
        assert_eq!(worker.link.recall(), Ok(left));
    }
}
