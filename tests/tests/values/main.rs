//! What is sent arrives: values of any size and shape, over both carriers, both ways.

mod property;
mod shapes;
mod sizes;

procession_tests::leaves_nothing_behind!();
