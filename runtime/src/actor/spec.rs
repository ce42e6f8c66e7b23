//! What a supervisor is told of a child: how to start it, again and again.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::ActorProcess;
use super::address::Address;
use super::start::{Ended, Made, Mailed};
use crate::error::{SpawnError, Undelivered};
use crate::outcome::{ExitReason, Intent};
use crate::policy::Restart;
use crate::process::Builder;
use crate::route::{self, Life};
use crate::sys::is_copy;

/// One supervised child as its supervisor sees it: a slot that survives restarts.
pub(crate) trait Supervised: Send {
    fn id(&self) -> &str;

    /// Starts the next incarnation: what waits in the mailbox goes to it. `ended` is called once,
    /// from any thread, when it has ended; it does not block.
    fn start(&mut self, ended: Ended) -> Result<Incarnation, SpawnError>;

    /// There will be no further incarnation: what waits becomes dead letters, senders hear the
    /// reason.
    fn give_up(&mut self, reason: &ExitReason);

    fn restart(&self) -> Restart;

    /// An [`Address<M>`].
    fn address(&self) -> &dyn Any;

    /// The name of that `M`.
    fn message_type(&self) -> &'static str;

    /// How many messages wait in its mailbox, whenever that is asked.
    fn waiting(&self) -> Gauge;
}

/// Tells how many there are of something now. It never waits.
pub(crate) type Gauge = Box<dyn Fn() -> usize + Send>;

/// One process that serves a slot.
pub(crate) struct Incarnation {
    pub(crate) pid: u32,
    hold: Arc<dyn Hold>,
}

/// What can be done to a process from where it was started.
pub(crate) trait Hold: Send + Sync {
    fn ask_to_stop(&self);
    fn kill(&self);
}

impl Incarnation {
    pub(crate) fn new(pid: u32, hold: Arc<dyn Hold>) -> Self {
        Incarnation { pid, hold }
    }

    pub(crate) fn ask_to_stop(&self) {
        self.hold.ask_to_stop();
    }

    /// Sends SIGKILL; its end is [`Stopped`](ExitReason::Stopped) if that is what ends it.
    pub(crate) fn kill(&self) {
        self.hold.kill();
    }
}

impl Hold for Life {
    fn ask_to_stop(&self) {
        Life::ask_to_stop(self);
    }

    fn kill(&self) {
        // It fails only for a process that is not there any more, whose end is on its way.
        let _ = Life::kill(self, Intent::Stop);
    }
}

/// What a [`Supervisor`](crate::Supervisor) can look after: a [`Spec`], or a [`ChildSpec`] that was
/// made of one.
///
/// # Examples
///
/// ```
/// use procession::{IntoChild, Mailbox, SuperviseError, Supervisor, process};
///
/// #[process]
/// fn words(mailbox: Mailbox<String>) {
///     mailbox.for_each(drop);
/// }
///
/// fn alone(child: impl IntoChild) -> Result<Supervisor, SuperviseError> {
///     Supervisor::builder().child(child).start()
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// assert_eq!(alone(words::spec())?.status().children[0].id, "words");
/// # Ok(())
/// # }
/// ```
pub trait IntoChild {
    /// The child, to be started.
    fn into_child(self) -> ChildSpec;
}

/// A child that is to be supervised, whatever it is: for lists of children of different kinds.
///
/// # Examples
///
/// ```
/// use procession::{ChildSpec, IntoChild, Mailbox, Supervisor, process};
///
/// #[process]
/// fn words(mailbox: Mailbox<String>) {
///     mailbox.for_each(drop);
/// }
///
/// #[process]
/// fn numbers(mailbox: Mailbox<u64>) {
///     mailbox.for_each(drop);
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// let children: Vec<ChildSpec> = vec![words::spec().into_child(), numbers::spec().into_child()];
/// let mut builder = Supervisor::builder();
/// for child in children {
///     builder = builder.child(child);
/// }
/// assert_eq!(builder.start()?.status().children.len(), 2);
/// # Ok(())
/// # }
/// ```
pub struct ChildSpec(pub(crate) Box<dyn Supervised>);

impl IntoChild for ChildSpec {
    fn into_child(self) -> ChildSpec {
        self
    }
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec").field("id", &self.0.id()).finish_non_exhaustive()
    }
}

/// An actor that a [`Supervisor`](crate::Supervisor) is to look after: its arguments, and how it is
/// started and restarted.
///
/// # Examples
///
/// ```
/// use procession::{Mailbox, Restart, Supervisor, process};
///
/// #[process]
/// fn echo(prefix: String, mailbox: Mailbox<String>) {
///     mailbox.for_each(|line| println!("{prefix}{line}"));
/// }
///
/// # fn main() -> Result<(), procession::Error> {
/// let tree = Supervisor::builder()
///     .child(echo::spec("> ".into()).id("left"))
///     .child(echo::spec("< ".into()).id("right").restart(Restart::Permanent).retry(2))
///     .start()?;
/// tree.address::<String>("left")?.tell("hello".into())?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a specification starts nothing until a supervisor does"]
pub struct Spec<P: ActorProcess> {
    input: P::Input,
    builder: Builder<P, Mailed>,
    id: Option<String>,
    restart: Restart,
}

impl<P: ActorProcess> Spec<P> {
    #[doc(hidden)]
    pub fn new(input: P::Input) -> Self {
        Spec { input, builder: P::builder(), id: None, restart: Restart::default() }
    }

    /// What its supervisor knows it by; the function's or the struct's name unless told. It is the
    /// name of its processes as well, unless [`with`](Spec::with) gives them another.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// When it is started again; [`Restart::Transient`] unless told: when it crashes.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// How often a message is tried again whose process died with it in hand. Unless told it is not,
    /// because it may have been what killed it, and may have been handled in part. It stays before
    /// those that wait behind it; each try needs a restart, which counts as any other.
    pub fn retry(mut self, times: u32) -> Self {
        self.builder.kind.retries = times;
        self
    }

    /// How long it may have one message in hand: see [`Builder::deadline`].
    pub fn deadline(mut self, limit: Duration) -> Self {
        self.builder = self.builder.deadline(limit);
        self
    }

    /// How many messages may wait in its mailbox: see [`Builder::mailbox`].
    ///
    /// # Panics
    ///
    /// If it is 0.
    pub fn mailbox(mut self, most: usize) -> Self {
        self.builder = self.builder.mailbox(most);
        self
    }

    /// Everything else that there is to say of a process: environment, output, limits. It holds for
    /// each process that serves the actor.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use procession::{Mailbox, Output, process};
    /// # #[process]
    /// # fn echo(mailbox: Mailbox<String>) {
    /// #     mailbox.for_each(|line| println!("{line}"));
    /// # }
    /// let spec = echo::spec().with(|builder| builder.stdout(Output::Prefixed).memory_limit(1 << 30));
    /// # let _ = spec;
    /// ```
    pub fn with(mut self, change: impl FnOnce(Builder<P, Mailed>) -> Builder<P, Mailed>) -> Self {
        self.builder = change(self.builder);
        self
    }
}

impl<P: ActorProcess> fmt::Debug for Spec<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spec")
            .field("id", &self.id)
            .field("restart", &self.restart)
            .finish_non_exhaustive()
    }
}

impl<P: ActorProcess> IntoChild for Spec<P> {
    fn into_child(self) -> ChildSpec {
        let Spec { input, builder, id, restart } = self;
        let id = id.unwrap_or_else(|| P::entry().name().to_owned());
        let builder = if builder.settings.name.is_none() { builder.name(&id) } else { builder };
        let made = Made::new(builder, &input).map(|made| {
            let address = Address::<P::Message>::of(&made.slot);
            (made, address)
        });
        let made = made.map_err(Some);
        ChildSpec(Box::new(Looked {
            id,
            restart,
            made,
            message: PhantomData::<fn() -> P::Message>,
        }))
    }
}

/// An actor that is looked after.
struct Looked<M> {
    id: String,
    restart: Restart,
    /// The error is told at the first start.
    made: Result<(Made, Address<M>), Option<SpawnError>>,
    message: PhantomData<fn() -> M>,
}

impl<M: 'static> Supervised for Looked<M> {
    fn id(&self) -> &str {
        &self.id
    }

    fn start(&mut self, ended: Ended) -> Result<Incarnation, SpawnError> {
        let (made, _) = match &mut self.made {
            Ok(made) => made,
            Err(error) => {
                let source = std::io::Error::other("it could not be made ready before");
                let process = self.id.clone();
                let again = SpawnError::System { process, action: "starting it", source };
                return Err(error.take().unwrap_or(again));
            }
        };
        let begun = made.start(made.settings.again(), Some(ended))?;
        Ok(Incarnation::new(begun.life.pid, begun.life))
    }

    fn give_up(&mut self, reason: &ExitReason) {
        if let Ok((made, _)) = &self.made {
            made.slot.give_up(&Undelivered::Ended(reason.clone()));
        }
    }

    fn restart(&self) -> Restart {
        self.restart
    }

    fn address(&self) -> &dyn Any {
        match &self.made {
            Ok((_, address)) => address,
            Err(_) => &(),
        }
    }

    fn message_type(&self) -> &'static str {
        std::any::type_name::<M>()
    }

    fn waiting(&self) -> Gauge {
        let slot = self.made.as_ref().map(|(made, _)| Arc::downgrade(&made.slot));
        let slot = slot.unwrap_or_default();
        // A fork has a copy of the slot, which it may have copied while somebody had it in hand.
        let known = move || if is_copy() { None } else { slot.upgrade() };
        Box::new(move || known().map_or(0, |slot| slot.waiting()))
    }
}

impl<M> Drop for Looked<M> {
    fn drop(&mut self) {
        if let Ok((made, _)) = &self.made {
            made.slot.give_up(&Undelivered::Unknown);
            route::close(&made.slot);
        }
    }
}
