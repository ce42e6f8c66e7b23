//! Messages as frames over ipc-channel: at most 60 KiB each, so that ipc-channel never fragments.
//!
//! Its own fragments hang a sender whose receiver was killed, close a receiver whose sender was,
//! and are slower. The first frame of a message says how long the whole is; the rest follow. What
//! another thread has to say in between, such as a panic's report, goes *aside* in one frame.

use ipc_channel::ipc::{IpcBytesReceiver, IpcBytesSender};

use super::channel::{ChannelError, Guarded, send_bytes};

/// The longest frame, header included.
const FRAME: usize = 60 * 1024;

const FIRST: u8 = 1;
const NEXT: u8 = 2;
const ASIDE: u8 = 3;

/// Why no message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameError {
    /// The sender is gone; what it had begun is lost.
    Gone,
    /// What came is not a message of ours, or longer than the limit.
    Rubbish,
    /// There is no memory for it.
    NoRoom,
}

impl From<ChannelError> for FrameError {
    fn from(error: ChannelError) -> Self {
        match error {
            ChannelError::Rubbish => FrameError::Rubbish,
            _ => FrameError::Gone,
        }
    }
}

/// Sends a message made of pieces; waits while the socket is full.
pub(super) fn send<'a>(
    sender: &IpcBytesSender,
    tag: u32,
    len: usize,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> Result<(), ChannelError> {
    let mut frame = Vec::with_capacity((13 + len).min(FRAME));
    frame.push(FIRST);
    frame.extend_from_slice(&tag.to_le_bytes());
    frame.extend_from_slice(&(len as u64).to_le_bytes());
    for mut piece in pieces {
        while !piece.is_empty() {
            if frame.len() == FRAME {
                send_bytes(sender, &frame)?;
                frame.clear();
                frame.push(NEXT);
            }
            let (now, rest) = piece.split_at(piece.len().min(FRAME - frame.len()));
            frame.extend_from_slice(now);
            piece = rest;
        }
    }
    send_bytes(sender, &frame)
}

/// How many bytes of a message its first frame has, and each that goes on with it.
pub(super) fn room(begun: bool) -> usize {
    FRAME - if begun { 1 } else { 13 }
}

/// One frame of a message, to be sent in some other way: the first, or what follows so many bytes.
pub(super) fn frame(tag: u32, whole: &[u8], sent: Option<usize>) -> Vec<u8> {
    let rest = &whole[sent.unwrap_or(0)..];
    let body = &rest[..rest.len().min(room(sent.is_some()))];
    let mut frame = Vec::with_capacity(13 + body.len());
    match sent {
        None => {
            frame.push(FIRST);
            frame.extend_from_slice(&tag.to_le_bytes());
            frame.extend_from_slice(&(whole.len() as u64).to_le_bytes());
        }
        Some(_) => frame.push(NEXT),
    }
    frame.extend_from_slice(body);
    frame
}

/// Sends a short message between the frames of another.
pub(super) fn send_aside<'a>(
    sender: &IpcBytesSender,
    tag: u32,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> Result<(), ChannelError> {
    let mut frame = vec![ASIDE];
    frame.extend_from_slice(&tag.to_le_bytes());
    pieces.for_each(|piece| frame.extend_from_slice(piece));
    send_bytes(sender, &frame)
}

/// Receives a message of at most `limit` bytes into the buffer; the answer is its tag. What comes
/// aside is handed on, and says whether to go on.
pub(super) fn receive(
    receiver: &Guarded<IpcBytesReceiver>,
    limit: usize,
    into: &mut Vec<u8>,
    mut aside: impl FnMut(u32, &[u8]) -> Result<(), FrameError>,
) -> Result<u32, FrameError> {
    let mut message = Reassembly::new(limit);
    loop {
        match message.add(&receiver.receive_bytes()?, into)? {
            Progress::More => {}
            Progress::Whole(tag) => return Ok(tag),
            Progress::Aside(tag, body) => aside(tag, &body)?,
        }
    }
}

/// A message of which some frames have come.
pub(super) struct Reassembly {
    limit: usize,
    begun: Option<(u32, usize)>,
}

/// What one more frame made of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    More,
    Whole(u32),
    Aside(u32, Vec<u8>),
}

impl Reassembly {
    pub(super) fn new(limit: usize) -> Self {
        Reassembly { limit, begun: None }
    }

    /// Adds the next frame.
    pub(super) fn add(&mut self, frame: &[u8], into: &mut Vec<u8>) -> Result<Progress, FrameError> {
        let (kind, rest) = frame.split_first().ok_or(FrameError::Rubbish)?;
        let (tag, len, body) = match (*kind, self.begun) {
            (NEXT, Some((tag, len))) => (tag, len, rest),
            (FIRST, None) => {
                let (tag, rest) = word::<4>(rest)?;
                let (len, body) = word::<8>(rest)?;
                let len = usize::try_from(u64::from_le_bytes(len)).unwrap_or(usize::MAX);
                if len > self.limit {
                    return Err(FrameError::Rubbish);
                }
                into.clear();
                // The length is only claimed so far: memory is taken as the bytes come.
                into.try_reserve(len.min(1 << 20)).map_err(|_| FrameError::NoRoom)?;
                (u32::from_le_bytes(tag), len, body)
            }
            (ASIDE, _) => {
                let (tag, body) = word::<4>(rest)?;
                return Ok(Progress::Aside(u32::from_le_bytes(tag), body.to_vec()));
            }
            _ => return Err(FrameError::Rubbish),
        };
        if body.len() > len - into.len() {
            return Err(FrameError::Rubbish);
        }
        into.try_reserve(body.len()).map_err(|_| FrameError::NoRoom)?;
        into.extend_from_slice(body);
        if into.len() == len {
            self.begun = None;
            return Ok(Progress::Whole(tag));
        }
        self.begun = Some((tag, len));
        Ok(Progress::More)
    }
}

fn word<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), FrameError> {
    let (word, rest) = bytes.split_first_chunk::<N>().ok_or(FrameError::Rubbish)?;
    Ok((*word, rest))
}

#[cfg(test)]
mod tests {
    use ipc_channel::ipc;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_message_of_any_pieces_arrives_whole(
            tag: u32,
            sizes in proptest::collection::vec(0_usize..100_000, 0..4),
            aside in proptest::option::of(0_usize..9_000),
        ) {
            let pieces: Vec<Vec<u8>> =
                sizes.iter().enumerate().map(|(at, &len)| vec![at as u8; len]).collect();
            let whole = pieces.concat();
            let (sender, receiver) = ipc::bytes_channel().unwrap();
            let mut got = Vec::new();
            let mut heard = None;

            let tagged = std::thread::scope(|scope| {
                scope.spawn(|| {
                    if let Some(len) = aside {
                        send_aside(&sender, 9, [vec![7; len].as_slice()].into_iter()).unwrap();
                    }
                    send(&sender, tag, whole.len(), pieces.iter().map(Vec::as_slice)).unwrap();
                });
                receive(&Guarded::new(receiver).unwrap(), whole.len(), &mut got, |_, body| {
                    heard = Some(body.len());
                    Ok(())
                })
            });

            prop_assert_eq!(tagged, Ok(tag));
            prop_assert_eq!(got, whole);
            prop_assert_eq!(heard, aside);
        }

        #[test]
        fn a_message_over_the_limit_is_refused_before_it_is_kept(len in 1_usize..1 << 40) {
            let mut frame = vec![FIRST, 0, 0, 0, 0];
            frame.extend_from_slice(&(len as u64).to_le_bytes());
            let mut into = Vec::new();

            let added = Reassembly::new(len - 1).add(&frame, &mut into);

            prop_assert_eq!(added, Err(FrameError::Rubbish));
            prop_assert_eq!(into.capacity(), 0);
        }
    }

    #[test]
    fn a_frame_that_nothing_began_is_refused() {
        let mut into = Vec::new();
        assert_eq!(Reassembly::new(9).add(&[NEXT, 1], &mut into), Err(FrameError::Rubbish));
        assert_eq!(Reassembly::new(9).add(&[], &mut into), Err(FrameError::Rubbish));
    }
}
