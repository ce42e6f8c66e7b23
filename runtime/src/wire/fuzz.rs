//! What reads bytes that another process wrote, for fuzzers and for the replay of their corpus.
//!
//! Each function takes anything and must come back: no panic, no hang, no access out of bounds.

use std::sync::Arc;
use std::time::Instant;

use super::batch::{Shape, add_frame, first_frame};
use super::belt::{Answers, BeltRegion, LanePair, PAGE, RESULTS};
use super::codec::Decoder;
use super::frames::{Progress, Reassembly};
use super::lane::{Carrier, Tag, connect};
use super::region::Region;
use super::ring::{CONTROL, Consumer, Producer, Shared, WORD};
use super::variable::Variable;
use super::word::{Incoming, Outgoing};

/// A row of values.
pub fn row(data: &[u8]) {
    let mut source = data;
    let mut read = Decoder::new(&mut source);
    let _ = read.section::<Vec<u8>>();
    let _ = read.section::<(u64, Option<String>, Vec<i32>)>();
    let _ = read.section::<String>();
    let _ = read.finish::<()>();
}

/// A stream of frames, each behind a byte that says how long it is.
pub fn frames(data: &[u8]) {
    const LIMIT: usize = 1 << 16;
    let (mut message, mut into, mut rest) = (Reassembly::new(LIMIT), Vec::new(), data);
    while let Some((&len, after)) = rest.split_first() {
        let (frame, next) = after.split_at(after.len().min(len.into()));
        rest = next;
        match message.add(frame, &mut into) {
            Ok(Progress::Whole(_)) => message = Reassembly::new(LIMIT),
            Ok(_) => {}
            Err(_) => return,
        }
        assert!(into.len() <= LIMIT);
    }
}

/// A stream of frames of words, each behind two bytes that say how long it is.
pub fn words(data: &[u8]) {
    let (mut incoming, mut rest) = (Incoming::new(1 << 16), data);
    while let [low, high, after @ ..] = rest {
        let len = usize::from(u16::from_le_bytes([*low, *high]));
        let (frame, next) = after.split_at(after.len().min(len));
        rest = next;
        match incoming.add(frame) {
            // What is read is written as it was, or shorter: numbers have longer forms.
            Ok(Some(word)) => assert_eq!(Outgoing::new(&word).into_word(), Some(word)),
            Ok(None) => {}
            Err(_) => return,
        }
    }
}

/// The variable that makes a process a worker.
pub fn variable(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Some(variable) = Variable::parse(text)
    {
        assert_eq!(Variable::parse(&variable.format()), Some(variable));
    }
}

/// A ring whose other side writes what it likes over all of it, between our steps.
pub fn ring(data: &[u8]) {
    const DATA: usize = 1 << 10;
    let Some(room) = crate::sys::make_room(4) else { return };
    let Ok(region) = Region::zeroed(4096 + DATA, &room) else { return };
    let region = Arc::new(region);
    let shared = Shared::in_region(&region, 0, 4096..4096 + DATA);
    let mut consumer = Consumer::new(shared.clone());
    let mut producer = Producer::new(shared);
    let now = Some(Instant::now());
    for step in data.chunks(6) {
        let [place, high, value @ ..] = step else { return };
        let mut word = [0; 8];
        word[..value.len()].copy_from_slice(value);
        // Mostly the control words; sometimes a frame.
        let at = if *high < 200 {
            usize::from(*place) * 8 % CONTROL
        } else {
            4096 + usize::from(*place) * 3
        };
        region.write(at, &word);
        let pushed = producer.push(1, value.len(), [value].into_iter(), now);
        let popped = consumer.pop(now);
        assert!(consumer.bytes().len() <= DATA);
        if pushed.is_err() && popped.is_err() {
            return;
        }
    }
}

/// A belt whose worker writes what it likes over all of it, between the steps of the pool.
pub fn belt(data: &[u8]) {
    let Some(room) = crate::sys::make_room(16) else { return };
    let Ok((ends, _offer)) = connect(Carrier::Ring, 1 << 16, &room) else { return };
    drop(room);
    let Ok(region) = BeltRegion::new() else { return };
    let mut belt = region.belt(LanePair::new(ends.to_child, ends.from_child));
    let mut tasks = Vec::new();
    (0..9)
        .for_each(|len| add_frame(&mut tasks, Tag::Task as u32, &vec![len; usize::from(len) * 9]));
    for step in data.chunks(6) {
        let mut into = Vec::new();
        let [place, high, value @ ..] = step else { return };
        let mut word = [0; 8];
        word[..value.len()].copy_from_slice(value);
        // Mostly the control words; sometimes a frame, of the tasks or of the results.
        let at = match *high {
            0..170 => usize::from(*place) * 8 % (2 * CONTROL),
            170..200 => PAGE + usize::from(*place) * 8,
            _ => RESULTS.start + usize::from(*place) * 8,
        };
        region.write(at, &word);
        let put = if high.is_multiple_of(2) {
            belt.put(&tasks, 0)
        } else {
            belt.put_numbers(Tag::Task as u32, &[*place; 80])
        };
        let collected = belt.collect(&mut into);
        let taken = belt.taken();
        let recalled = if high.is_multiple_of(4) { belt.recall() } else { Ok(0) };
        for Answers { bytes, count, shape } in &into {
            let mut rest = bytes.as_slice();
            while *shape != Shape::Numbers
                && let Some((_, _, size)) = first_frame(rest)
            {
                rest = &rest[size..];
            }
            let numbers = if *shape == Shape::Numbers { WORD * count } else { 0 };
            assert_eq!(rest.len() as u64, numbers);
        }
        if put.is_err() && collected.is_err() && taken.is_err() && recalled.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::word::{Outgoing, Packet, Word};
    use crate::id::{ProcessId, Right};

    type Target = (&'static str, fn(&[u8]));

    #[test]
    fn the_corpus_of_each_fuzz_target_comes_back() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus");
        let targets: [Target; 6] = [
            ("belt", super::belt),
            ("row", super::row),
            ("frames", super::frames),
            ("words", super::words),
            ("variable", super::variable),
            ("ring", super::ring),
        ];
        for (name, target) in targets {
            let files = std::fs::read_dir(corpus.join(name)).unwrap();
            let inputs: Vec<Vec<u8>> =
                files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
            assert!(!inputs.is_empty(), "the corpus of `{name}` is empty");
            inputs.iter().for_each(|input| target(input));
        }
    }

    proptest::proptest! {
        #[test]
        fn a_wild_peer_never_makes_a_ring_panic_or_hang(
            data in proptest::collection::vec(proptest::num::u8::ANY, 0..400),
        ) {
            super::ring(&data);
        }

        #[test]
        fn frames_of_rubbish_never_panic(
            data in proptest::collection::vec(proptest::num::u8::ANY, 0..400),
        ) {
            super::frames(&data);
            super::words(&data);
        }

        #[test]
        fn a_word_with_a_wrong_byte_never_panics(
            len in 0_usize..300,
            at in proptest::num::usize::ANY,
            byte in proptest::num::u8::ANY,
        ) {
            let (to, asker) = (ProcessId::root().child(3), ProcessId::root());
            let rights = vec![Right::new(7, asker.clone(), u64::MAX); 2];
            let (answers, parcel) = (Some(9), vec![1; len]);
            let packet = Packet { to, from: asker, rights, answers, parcel };
            let mut frame = Outgoing::new(&Word::Packet(packet)).frame();
            let at = at % frame.len();
            frame[at] = byte;
            let mut data = u16::try_from(frame.len()).unwrap().to_le_bytes().to_vec();
            data.append(&mut frame);

            super::words(&data);
        }
    }
}
