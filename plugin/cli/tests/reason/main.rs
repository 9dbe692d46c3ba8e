//! `logtriage reason` against a real HTTP server that misbehaves in every known way.

mod classify;
mod faults;
mod hostile;
mod kill;
mod limits;
mod modes;
mod place;
mod privacy;
mod review;
mod suggest;
