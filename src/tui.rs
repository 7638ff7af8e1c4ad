//! The dashboard: events in, effects out, a frame drawn after each batch.

pub mod command;
pub mod keymap;
pub mod pane;
pub mod theme;
pub mod widget;
