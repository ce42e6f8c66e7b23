//! The attributes of [procession](https://docs.rs/procession). Use them through that crate: what
//! they expand to names its private items, so the two only work in equal versions.
//!
//! Each attribute goes one way:
//!
//! ```text
//! tokens ── parse ──► Options, Function ── check ──► model ── expand ──► tokens
//! ```
//!
//! Only checking can fail, and it collects every mistake of an item before it gives up. What it
//! then hands back is the errors beside the item as it was written, so that its callers do not
//! fail as well.

mod actor;
mod attributes;
mod crossing;
mod deadline;
mod entry;
mod function;
mod mistakes;
mod options;
mod own;
mod parameter;
mod process;
mod setup;
mod tokens;
mod undecided;

use proc_macro::TokenStream;

use crate::mistakes::or_errors;

/// Makes a function one that can be run in a process of its own, or an actor of a function or a
/// struct.
///
/// # Functions
///
/// The function itself stays as it is written: `square(9)` still is a plain call in this process.
/// Beside it comes a type of the same name, which has no values, but
///
/// - `square::spawn(9)`, which starts a process, has it call the function, and returns at once with
///   a `Child` to wait for, to stop or to take the result from;
/// - `square::call(9)`, which starts a process and waits for the result;
/// - `square::builder()`, which starts it with a name, an environment, limits and the like;
/// - an implementation of `Process`, so that `pool.map::<square>(numbers)` can name the function.
///
/// `spawn` and `call` take the function's own parameters. Where one value stands for them, as in
/// `square::builder().spawn(input)`, it is `()` for no parameters, the parameter itself for one,
/// and the tuple of them for more.
///
/// # Functions with a mailbox
///
/// A parameter of type `Mailbox<M>` makes an actor of the function: it takes messages of type `M`
/// until it returns. The mailbox may stand anywhere among the parameters and is none of the
/// arguments. What is called otherwise is marked: `#[mailbox] inbox: Inbox`. The function can still
/// be called, with a mailbox that is made for it.
///
/// - `counter::spawn(10)` starts the process and returns an `Actor<M, T>`, which owns it;
/// - `counter::builder()` starts it with a name, an environment, limits and the like;
/// - `counter::spec(10)` is how a supervisor starts it, again and again;
/// - the type implements `ActorProcess`.
///
/// # Structs
///
/// On an `impl` block, every method with `&self` or `&mut self` becomes a message: `counter.add(5)`
/// of the handle has the actor run `add(5)`, and waits for what it returns. The block stays as it
/// is, so a value of the struct can be used here as well.
///
/// - The constructor is the one function without `self` that returns `Self` or `Result<Self, E>`.
///   Its parameters are the arguments; the text of an `Err` is why the actor failed to start.
/// - A method marked `#[stop]`, with `&mut self` or `self`, is no message: it is called in the end,
///   when the actor was asked to stop or has been drained.
/// - What only the actor itself uses, or cannot cross, goes into another `impl` block.
///
/// Beside the block come `Counter::spawn`, `Counter::builder` and `Counter::spec`, of which the
/// last two are left out where the block has something of that name, and
///
/// - `CounterHandle`, also called `procession::Handle<Counter>`, which owns the process and has the
///   methods. `counter.tell().add(5)` does not wait, and `counter.within(limit).add(5)` waits so
///   long. All that can be done to an `Actor` it does by `Deref`, unless a method has that name.
/// - `CounterAddress`, which `counter.address()` returns: it has the same methods, and goes in
///   messages, arguments and results.
///
/// # What can cross
///
/// Every parameter and the result are copied from one process to the other. Their types implement
/// `serde::Serialize` and `serde::Deserialize`, borrow nothing, and are as visible as the function
/// says it is (a `pub fn` cannot take a `pub(crate)` type, as no `impl` of a trait can). A `Result` crosses like any
/// other value; where its error cannot be serialised, `procession::Failure` keeps its text.
///
/// The other process knows the function by its place in the program, so there is one function for
/// one set of types: it cannot be generic, nor take `impl Trait`. It can stand anywhere a function
/// can but in an `impl` or `trait` block: also in another function's body, under `#[cfg]`, or in
/// what a macro writes. Parameters can have a `#[cfg]` of their own.
///
/// # Options
///
/// - `handle = Square` names the type otherwise than the function. This is for a function whose
///   name is also that of a module or crate that is in scope, as in
///   `mod resize; use resize::resize;`.
///   Without it, a link in rustdoc says which of the two it means: ``[`square()`]`` the function,
///   ``[`enum@square`]`` the type. For a struct it names the handle; the address is called like it.
/// - `deadline = "2s"` is how long an actor may take for one message (`ms`, `s` or `m`). An actor
///   that takes longer is killed, and started again where somebody looks after that.
/// - `crate = path::to::procession` is where the expansion finds the runtime, for macros that
///   re-export it.
#[proc_macro_attribute]
pub fn process(arguments: TokenStream, item: TokenStream) -> TokenStream {
    or_errors(arguments, item, process::process)
}

/// Calls `procession::init()` before `main` does anything else.
///
/// Programs do not need it: a process that was started to run a function finds that out before
/// `main`. It is for platforms and linkers where nothing runs before `main`, and for those who
/// prefer to see where a worker leaves the program's own path.
///
/// It goes above the attribute of an async runtime, whose threads a worker then never starts:
///
/// ```text
/// #[procession::main]
/// #[tokio::main]
/// async fn main() { .. }
/// ```
///
/// # Options
///
/// - `crate = path::to::procession` is where the expansion finds the runtime.
#[proc_macro_attribute]
pub fn main(arguments: TokenStream, item: TokenStream) -> TokenStream {
    or_errors(arguments, item, entry::main)
}

/// Has the function called in every worker, before the function the worker was started for.
///
/// This is where the logger, the panic hook or the provider is set up that `main` sets up in the
/// program itself, because a worker never comes to `main`. The function takes nothing and returns
/// nothing; it stays an ordinary function, so `main` can call it too. Several such functions run
/// one after the other, in no order that can be relied on.
///
/// # Options
///
/// - `crate = path::to::procession` is where the expansion finds the runtime.
#[proc_macro_attribute]
pub fn setup(arguments: TokenStream, item: TokenStream) -> TokenStream {
    or_errors(arguments, item, setup::setup)
}
