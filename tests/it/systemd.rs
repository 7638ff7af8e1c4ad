//! A real systemd, the first process of a machine of its own: its timers and services are told as
//! they went, and what is done to them is done.

mod acts;
mod drift;
mod machine;
mod past;
mod sight;
