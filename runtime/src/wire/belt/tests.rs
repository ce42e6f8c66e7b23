//! A belt with both ends in one process, against a model; and with an end that lies.

#![cfg(test)]

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::wire::batch::add_row;
use crate::wire::lane::{Body, Carrier, LaneReceiver, connect};
use crate::wire::ring::{Claimer, Producer};
use crate::wire::workbench::Workbench;

/// What happens to a belt.
#[derive(Clone, Debug)]
enum Step {
    /// The pool puts tasks with so many bytes.
    Put(Vec<usize>),
    /// It puts so many that are numbers.
    PutNumbers(u64),
    /// The worker does so many, with results of so many bytes.
    Work(usize, usize),
    /// The same, and the results are numbers.
    WorkInNumbers(usize),
    Collect,
    Recall,
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![20 => 0_usize..60, 2 => 60_usize..20_000, 1 => 20_000_usize..90_000];
    prop_oneof![
        4 => proptest::collection::vec(size.clone(), 1..40).prop_map(Step::Put),
        2 => (0_u64..3000).prop_map(Step::PutNumbers),
        4 => (0_usize..60, size).prop_map(|(most, len)| Step::Work(most, len)),
        3 => (0_usize..2500).prop_map(Step::WorkInNumbers),
        2 => Just(Step::Collect),
        1 => Just(Step::Recall),
    ]
}

struct Ends {
    belt: Belt,
    ends: BeltEnds,
    from: LaneReceiver,
    to: LaneSender,
}

fn both_ends() -> Ends {
    let room = crate::sys::make_room(16).unwrap();
    let (parent, offer) = connect(Carrier::Ring, 1 << 20, &room).unwrap();
    drop(room);
    let (from, to, _) = offer.open(1 << 20).unwrap();
    let region = BeltRegion::new().unwrap();
    let ends = region.ends(&Gong::new().unwrap()).unwrap();
    let belt = region.belt(LanePair::new(parent.to_child, parent.from_child));
    Ends { belt, ends, from, to }
}

fn task(frames: &mut Vec<u8>, id: u64, len: usize) {
    let bytes = vec![id as u8; len];
    add_row(frames, Tag::Task as u32, 1 << 20, |row| {
        row.section(&id)?;
        row.section(&bytes)
    })
    .unwrap();
}

/// Collects behind what is there: how many results, and what size each has if all are alike. A number is
/// a frame then, as its task is in [`number`].
fn collect(belt: &mut Belt, into: &mut Vec<u8>) -> Result<(u64, usize), Fault> {
    let mut answers = Vec::new();
    let count = belt.collect(&mut answers)?;
    answers.retain(|some| some.count > 0);
    let stride = match answers.as_slice() {
        [all] => all.shape.stride(),
        _ => 0,
    };
    for Answers { bytes, count, shape } in &answers {
        match shape {
            Shape::Numbers => {
                assert_eq!(bytes.len() as u64, 8 * count);
                bytes.as_chunks().0.iter().for_each(|word| number(into, u64::from_le_bytes(*word)));
            }
            _ => into.extend_from_slice(bytes),
        }
    }
    assert_eq!(answers.iter().map(|some| some.count).sum::<u64>(), count);
    let numbers = answers.iter().any(|some| some.shape == Shape::Numbers);
    Ok((count, if numbers { 0 } else { stride }))
}

/// What [`results`] reads as that id.
fn number(frames: &mut Vec<u8>, id: u64) {
    let none = Vec::<u8>::new();
    add_row(frames, Tag::Value as u32, 1 << 20, |row| {
        row.section(&id)?;
        row.section(&none)
    })
    .unwrap();
}

/// The ids of the results, which are whole.
fn results(mut frames: &[u8]) -> Vec<u64> {
    let mut ids = Vec::new();
    while let Some((tag, body, size)) = first_frame(frames) {
        assert_eq!(tag, Tag::Value as u32);
        Body::Bytes(body).decode(|mut row| {
            let id = row.section().unwrap();
            assert!(row.section::<Vec<u8>>().unwrap().iter().all(|&byte| byte == id as u8));
            ids.push(id);
        });
        frames = &frames[size..];
    }
    assert!(frames.is_empty());
    ids
}

/// What frames of numbers have here. Only what is put altogether has the worker look for a sleeper.
const NUMBERED: u32 = NUMBERS | WAKE | Tag::Task as u32;

/// The id of the next task, which is taken.
fn next_task(bench: &mut Workbench<'_>) -> Option<u64> {
    if let Some(mut row) = bench.take_alike(Tag::Task as u32).unwrap() {
        return Some(row.section().unwrap());
    }
    if let Some(tag) = bench.tasks.numbers().unwrap() {
        assert_eq!(tag | WAKE, NUMBERED);
        return bench.tasks.take_number().unwrap();
    }
    let (_, body) = bench.tasks.take(0).unwrap()?;
    Some(body.decode(|mut row| row.section()).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_happens_each_task_is_done_recalled_or_left(
        steps in proptest::collection::vec(step(), 1..24),
        dies_in_hand: bool,
    ) {
        let Ends { mut belt, ends, mut from, to } = both_ends();
        let (mut bench, _) = ends.open(&mut from, to).unwrap();
        let (mut next, mut there, mut taken) = (0_u64, VecDeque::new(), 0);
        let (mut done, mut collected) = (Vec::new(), Vec::new());
        // What the worker may publish without a wait, for room or for a region: nobody collects meanwhile.
        let (mut room, mut large) = (RESULTS.len(), 0);
        for step in steps {
            match step {
                Step::Put(sizes) => {
                    let mut frames = Vec::new();
                    sizes.iter().zip(next..).for_each(|(&len, id)| task(&mut frames, id, len));
                    let (_, alike, size) = first_alike(&frames).unwrap();
                    let stride = if alike == sizes.len() as u64 { size } else { 0 };
                    let (bytes, count) = belt.put(&frames, stride).unwrap();
                    prop_assert_eq!(bytes == frames.len(), count == sizes.len() as u64);
                    there.extend(next..next + count);
                    next += count;
                }
                Step::PutNumbers(count) => {
                    let words: Vec<u8> = (next..next + count).flat_map(u64::to_le_bytes).collect();
                    let (bytes, count) = belt.put_numbers(Tag::Task as u32, &words).unwrap();
                    prop_assert_eq!(bytes as u64, 8 * count);
                    there.extend(next..next + count);
                    next += count;
                }
                Step::WorkInNumbers(most) => {
                    // A frame of them has its room before there are any.
                    for _ in 0..if room < 20_000 { 0 } else { most } {
                        let Some(id) = next_task(&mut bench) else { break };
                        prop_assert_eq!(Some(id), there.pop_front());
                        taken += 1;
                        room = room.saturating_sub(9);
                        bench.results.number(id).unwrap();
                        done.push(id);
                    }
                    room = room.saturating_sub(8200);
                }
                Step::Work(most, len) => {
                    for _ in 0..most {
                        if room < len + 8264 || large > 0 {
                            break;
                        }
                        let Some(id) = next_task(&mut bench) else { break };
                        prop_assert_eq!(Some(id), there.pop_front());
                        taken += 1;
                        let mut row = Encoder::new(1 << 20);
                        let bytes = vec![id as u8; len];
                        row.section(&id).unwrap();
                        row.section(&bytes).unwrap();
                        large += usize::from(row.len() > LONGEST);
                        room -= (row.len() + 16).min(LONGEST + 16);
                        bench.results.give(Tag::Value, &row).unwrap();
                        done.push(id);
                    }
                    bench.tasks.release();
                    bench.results.tell();
                }
                Step::Collect => {
                    let mut frames = Vec::new();
                    let (count, stride) = collect(&mut belt, &mut frames).unwrap();
                    let ids = results(&frames);
                    prop_assert_eq!(ids.len() as u64, count);
                    prop_assert!(stride == 0 || stride * ids.len() == frames.len());
                    collected.extend(ids);
                    prop_assert_eq!(&collected, &done);
                    (room, large) = (RESULTS.len(), 0);
                }
                Step::Recall => {
                    prop_assert_eq!(belt.recall(), Ok(there.len() as u64));
                    there.clear();
                }
            }
            prop_assert_eq!(belt.taken(), Ok(taken));
        }
        // It dies, with a task in hand or without.
        prop_assert!(!bench.owes());
        if dies_in_hand && next_task(&mut bench).is_some() {
            prop_assert!(bench.owes());
            there.pop_front();
            taken += 1;
        }
        let mut frames = Vec::new();
        collect(&mut belt, &mut frames).unwrap();
        collected.extend(results(&frames));
        prop_assert_eq!(&collected, &done);
        prop_assert_eq!(belt.taken(), Ok(taken));
        prop_assert_eq!(belt.recall(), Ok(there.len() as u64));
    }

    #[test]
    fn a_wild_worker_never_makes_a_pool_panic_or_hang(
        data in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        crate::wire::fuzz::belt(&data);
    }
}

/// A belt, and what a worker that lies has of it.
fn lied_to() -> (Belt, Producer, Shared) {
    let Ends { mut belt, ends, .. } = both_ends();
    let (tasks, results) = rings(&Arc::new(Region::inherited(ends.memory).unwrap()));
    let mut frames = Vec::new();
    (0..4).for_each(|id| task(&mut frames, id, 8));
    assert_eq!(belt.put(&frames, 0).unwrap().1, 4);
    (belt, Producer::new(results), tasks)
}

/// More and more was counted as taken back last, until there were too many.
#[test]
fn tasks_are_taken_back_again_and_again_from_a_worker_that_comes_too_late_for_each() {
    let Ends { mut belt, ends, mut from, to } = both_ends();
    let (mut bench, _) = ends.open(&mut from, to).unwrap();
    let mut frames = Vec::new();
    (0..1_000).for_each(|id| task(&mut frames, id, 8));

    for round in 1..=200 {
        assert_eq!(belt.put(&frames, 0), Ok((frames.len(), 1_000)));
        assert_eq!(belt.recall(), Ok(1_000));
        assert_eq!(next_task(&mut bench), None);
        assert_eq!(belt.put(&frames[..frames.len() / 1_000], 0), Ok((frames.len() / 1_000, 1)));
        if round % 3 == 0 {
            // And this once it comes in time.
            assert_eq!(next_task(&mut bench), Some(0));
        }
        assert_eq!(belt.recall(), Ok(u64::from(round % 3 != 0)));
        assert_eq!(belt.taken(), Ok(round / 3));
    }
}

fn say(results: &mut Producer, tag: u32) {
    results.push_quietly(tag, 0, std::iter::empty(), || ()).unwrap();
}

#[test]
fn more_results_than_tasks_were_taken_are_rubbish() {
    let (mut belt, mut results, tasks) = lied_to();
    let mut claimer = Claimer::new(tasks, true);
    claimer.claim(0).unwrap().unwrap();
    say(&mut results, Tag::Value as u32);
    let mut into = Vec::new();
    assert_eq!(collect(&mut belt, &mut into), Ok((1, 8)));

    say(&mut results, Tag::Value as u32);

    assert_eq!(collect(&mut belt, &mut into), Err(Fault::Rubbish));
    assert_eq!(into.len(), 8);
    assert!(belt.has_results(1));
    assert_eq!(belt.put(&[], 0), Err(Fault::Rubbish));
}

#[test]
fn what_makes_sense_before_rubbish_is_kept() {
    for rubbish in [0, 6, Tag::Task as u32, Tag::Ask as u32, WILD, SPILLED | Tag::Value as u32] {
        let (mut belt, mut results, tasks) = lied_to();
        let mut claimer = Claimer::new(tasks, true);
        claimer.claim(0).unwrap().unwrap();
        say(&mut results, Tag::Value as u32);
        say(&mut results, rubbish);
        say(&mut results, Tag::Value as u32);
        let mut into = Vec::new();

        assert_eq!(collect(&mut belt, &mut into).map(|(count, _)| count), Ok(1), "{rubbish}");
        assert_eq!(into.len(), 8);

        assert_eq!(collect(&mut belt, &mut into), Err(Fault::Rubbish));
        assert_eq!(belt.recall(), Err(Fault::Rubbish));
    }
}

const WILD: u32 = 1 << 20 | Tag::Value as u32;
