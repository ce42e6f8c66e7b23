//! The operating system, behind safe functions. Nothing above this row names it.
//!
//! Linux is built and tested. What another system would have to answer is the set of functions
//! that this module re-exports.

mod barrier;
mod descriptors;
mod entry;
mod exe;
mod fault;
mod limits;
mod memory;
mod peek;
mod poll;
mod process;
mod set_once;
mod signal;
mod spawn;
mod thread;
mod wait;

pub(crate) use barrier::{fence_elsewhere, has_fences_elsewhere, pass_fences};
pub(crate) use descriptors::{
    Identity, Owned, Room, at_limit, close_on_exec_from, descriptor_limit, fill_std_for_good,
    identity, is_at_limit, is_closed, is_pipe, make_room, pipe, take_inherited, take_place,
};
pub(crate) use entry::{BeforeMain, Constructor, before_main, take_variable_in_main};
pub(crate) use exe::{Build, build_of, own_build, own_file, own_program, runs_own_program};
pub(crate) use fault::{ignore_broken_pipes, report_faults};
pub(crate) use limits::{file_size_limit, limit_memory};
pub(crate) use memory::{Mapping, give_back, has_addresses, read_only};
pub(crate) use peek::{Peeked, peek, receive};
pub(crate) use poll::{
    Interest, Wake, poll, readers_gone, standard_error, standard_output, takes_datagram, takes_more,
};
pub(crate) use process::{
    Ended, Pidfd, are_users_mapped, die_at_once, die_with_parent, die_with_pipe, exit_now, is_copy,
    is_root, kill_child, kill_tree, leave_if_copy, on_initial_thread, parent_id, random,
    set_process_name,
};
pub(crate) use set_once::SetOnce;
pub(crate) use signal::{SIGABRT, SIGKILL, SIGTERM, signal_name, unblock_signals};
pub(crate) use spawn::{Program, may_enter};
pub(crate) use thread::{is_ending, name_thread, run_aside, run_aside_on, run_bare, run_unshared};
#[cfg(not(loom))]
pub(crate) use wait::{coarse_nanos, moment, monotonic_nanos, sleep_while, wake_all};
